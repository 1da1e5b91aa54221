// The text of an expression that is one string literal, however it is wrapped.
import type { Argument, Expression, PrivateIdentifier } from 'oxc-parser';

/** `null` for everything computed: joined strings and constants count as computed, because a reader cannot search for them. */
export function textOf(node: Expression | Argument | PrivateIdentifier): string | null {
  switch (node.type) {
    case 'Literal':
      return typeof node.value === 'string' ? node.value : null;
    case 'TemplateLiteral':
      return node.expressions.length === 0 ? (node.quasis[0]?.value.cooked ?? null) : null;
    case 'TSAsExpression':
    case 'TSSatisfiesExpression':
    case 'TSNonNullExpression':
    case 'TSTypeAssertion':
    case 'ParenthesizedExpression':
      return textOf(node.expression);
    default:
      return null;
  }
}
