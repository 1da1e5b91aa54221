// The declaration of the layers, read as data from the workspace this test lies in.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Layers } from '../src/index.ts';

export function declaredLayers(): Layers {
  let folder = import.meta.dirname;
  const file = () => join(folder, 'tooling', 'layering', 'layers.json');
  while (!existsSync(file())) {
    if (dirname(folder) === folder) throw new Error('no declaration of layers above this test');
    folder = dirname(folder);
  }
  return (JSON.parse(readFileSync(file(), 'utf8')) as { packages: Layers }).packages;
}
