// The colours: the system's, unless the user has chosen.
import { kept } from './kept';

export type Theme = 'system' | 'light' | 'dark';

const store = kept('theme');

export const chosenTheme = (): Theme => {
  const name = store.read();
  return name === 'light' || name === 'dark' ? name : 'system';
};

export function applyTheme(theme: Theme = chosenTheme()) {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  store.write(theme === 'system' ? '' : theme);
}
