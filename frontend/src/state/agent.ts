/** The agent's state, from LiveKit's attribute. */

export type AgentState = "absent" | "listening" | "thinking" | "speaking";

export const STATE_ATTRIBUTE = "lk.agent.state";

/** The state of all agents together; speaking takes precedence over listening. */
export function agentState(agents: readonly Readonly<Record<string, string>>[]): AgentState {
  const states = agents.map((attributes) => attributes[STATE_ATTRIBUTE]);
  if (!states.length) return "absent";
  if (states.includes("speaking")) return "speaking";
  return states.includes("listening") ? "listening" : "thinking";
}

/** Requests that an agent's controls accept. */
export type Request = "stop" | "skip" | "send";

/** The request that makes sense in `state`, besides stopping. */
export function nextRequest(state: AgentState): "skip" | "send" {
  return state === "speaking" ? "skip" : "send";
}

/** True if `request` makes sense in `state`. */
export function concerns(request: Request, state: AgentState): boolean {
  switch (request) {
    case "skip":
      return state === "speaking";
    case "send":
      return state === "listening";
    case "stop":
      return state !== "absent";
  }
}
