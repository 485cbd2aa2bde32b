import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['lib/', 'node_modules/', '.yarn/', 'style/', '*.mjs'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname }
    },
    rules: {
      curly: 'error',
      eqeqeq: 'error',
      // React handlers and signals take the promise of nobody.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // `CLIENTS[0]!` and the like stand where the compiler cannot count.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Numbers in texts for people are meant.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }]
    }
  }
);
