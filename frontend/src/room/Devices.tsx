"use client";

import { useMediaDeviceSelect, useRoomContext } from "@livekit/components-react";

import { remember, type Memory } from "@/hooks/remembered";

interface Props {
  readonly kind: "audioinput" | "audiooutput";
  readonly label: string;
  readonly memory: Memory;
}

function Device({ kind, label, memory }: Props) {
  const room = useRoomContext();
  const { devices, activeDeviceId, setActiveMediaDevice } = useMediaDeviceSelect({ kind, room });
  const choose = async (id: string): Promise<void> => {
    try {
      await setActiveMediaDevice(id);
      remember(memory, id);
    } catch {
      // The device is gone; the list updates by itself.
    }
  };
  return (
    <label className="labelled">
      <span>{label}</span>
      <select className="field" value={activeDeviceId} onChange={(event) => void choose(event.target.value)}>
        {devices.map((device, index) => (
          <option key={device.deviceId} value={device.deviceId}>
            {device.label || `${label} ${index + 1}`}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Choice of microphone and loudspeaker; not every browser lets a page choose the latter. */
export function Devices() {
  const choosable = "setSinkId" in HTMLMediaElement.prototype;
  return (
    <section aria-labelledby="devices">
      <h2 id="devices">Devices</h2>
      <Device kind="audioinput" label="Microphone" memory="microphone" />
      {choosable && <Device kind="audiooutput" label="Loudspeaker" memory="loudspeaker" />}
    </section>
  );
}
