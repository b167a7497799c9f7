/** What went wrong, and what to do about it, in words for a person. */
export interface Notice {
  readonly title: string;
  readonly todo: string;
  /** To be typed into a terminal, or said to an agent. */
  readonly command?: string;
}
