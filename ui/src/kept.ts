// What the browser keeps for this page. Where it keeps nothing (private
// windows), the page works without.
export function kept(name: string) {
  const key = `cepd.${name}`;
  return {
    read(): string {
      try {
        return localStorage.getItem(key) ?? '';
      } catch {
        return '';
      }
    },
    write(value: string) {
      try {
        if (value) localStorage.setItem(key, value);
        else localStorage.removeItem(key);
      } catch {
        // nothing is kept
      }
    },
  };
}
