/** The API of VoiceMode's own server: same origin, JSON, the session in an HttpOnly cookie. */

export type Way = "pairing" | "password";

export interface Session {
  readonly signedIn: boolean;
  /** Available ways to sign in. */
  readonly ways: readonly Way[];
}

export interface RoomInfo {
  readonly name: string;
  readonly people: number;
  readonly agents: number;
}

/** A temporary admission to one room. */
export interface Admission {
  readonly url: string;
  readonly token: string;
  readonly identity: string;
  readonly room: string;
  /** True to connect to the room's server without STUN or TURN servers. */
  readonly direct: boolean;
}

export interface ServiceStatus {
  /** Status by name: running, stopped, not installed … */
  readonly services: Readonly<Record<string, string>>;
  /** Providers that would be used now; omitted if there is none. */
  readonly providers: { readonly stt?: string; readonly tts?: string };
}

/** The server has understood the request, and refuses. */
export class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly hint: string,
    readonly retryAfterSeconds: number,
  ) {
    super(message);
    this.name = "Refused";
  }
}

/** The server does not answer, or its response is not ours. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

type Method = "GET" | "POST" | "DELETE";

const PATIENCE_MS = 10_000;

async function ask(method: Method, path: string, body?: object): Promise<unknown> {
  const answer = await reach(method, path, body);
  if (!answer.ok) throw await refusal(answer);
  return answer.status === 204 ? null : ((await answer.json()) as unknown);
}

async function reach(method: Method, path: string, body?: object): Promise<Response> {
  try {
    return await fetch(`/api/${path}`, {
      method,
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...(body && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
  } catch (error) {
    throw new Unreachable("VoiceMode does not answer.", { cause: error });
  }
}

async function refusal(answer: Response): Promise<Error> {
  const told = (await answer.json().catch(() => null)) as { error?: Record<string, unknown> } | null;
  if (!told?.error) return new Unreachable(`VoiceMode answered with ${answer.status}.`);
  const { code, message, reason, remedy } = told.error;
  const wait = Number(answer.headers.get("Retry-After")) || 0;
  return new Refused(text(code), text(reason) || text(message), inWords(remedy), wait);
}

function inWords(remedy: unknown): string {
  const { text: words, command } = (remedy ?? {}) as Record<string, unknown>;
  return [text(words), text(command)].filter(Boolean).join(": ");
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export async function session(): Promise<Session> {
  const { signed_in, ways } = (await ask("GET", "session")) as { signed_in: boolean; ways: Way[] };
  return { signedIn: signed_in, ways };
}

export async function pair(code: string): Promise<void> {
  await ask("POST", "pair", { code });
}

export async function givePassword(password: string): Promise<void> {
  await ask("POST", "password", { password });
}

export async function signOut(): Promise<void> {
  await ask("POST", "sign-out");
}

export async function rooms(): Promise<readonly RoomInfo[]> {
  return ((await ask("GET", "rooms")) as { rooms: RoomInfo[] }).rooms;
}

export async function createRoom(name: string): Promise<void> {
  await ask("POST", "rooms", { name });
}

/** End a room, and disconnect everybody in it. */
export async function endRoom(name: string): Promise<void> {
  await ask("DELETE", `rooms/${encodeURIComponent(name)}`);
}

export async function admission(room: string, name: string): Promise<Admission> {
  return (await ask("POST", "token", { room, name })) as Admission;
}

export async function status(): Promise<ServiceStatus> {
  return (await ask("GET", "status")) as ServiceStatus;
}
