// The part of marked that this page uses; for the type checker only.
export interface Token {
  type: string;
  raw: string;
  text: string;
  tokens?: Token[];
  [name: string]: any;
}
export function lexer(source: string, options?: { gfm?: boolean; breaks?: boolean }): Token[];
