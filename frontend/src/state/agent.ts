/** What the agent does, by what it says of itself in LiveKit's attribute. */

export type AgentState = "absent" | "listening" | "thinking" | "speaking";

export const STATE_ATTRIBUTE = "lk.agent.state";

/** Of the agents' attributes; who speaks is told before who listens. */
export function agentState(agents: readonly Readonly<Record<string, string>>[]): AgentState {
  const states = agents.map((attributes) => attributes[STATE_ATTRIBUTE]);
  if (!states.length) return "absent";
  if (states.includes("speaking")) return "speaking";
  return states.includes("listening") ? "listening" : "thinking";
}

/** Requests that an agent's controls take. */
export type Request = "stop" | "skip" | "send";

/** The request that helps at this moment, besides stopping. */
export function nextRequest(state: AgentState): "skip" | "send" {
  return state === "speaking" ? "skip" : "send";
}

/** Whether `request` concerns what goes on. */
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
