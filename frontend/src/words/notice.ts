/** A failure and its remedy, in words for a person. */
export interface Notice {
  readonly title: string;
  readonly todo: string;
  /** Text to type into a terminal, or to say to an agent. */
  readonly command?: string;
}
