// What the server wrote into the page: its version, and who looks at it.

export type Role = 'viewer' | 'author' | 'operator' | 'admin';

const order: string[] = ['viewer', 'author', 'operator', 'admin'];

export const about = (name: 'version' | 'login' | 'user' | 'role') => document.querySelector<HTMLMetaElement>(`meta[name="cepd-${name}"]`)?.content ?? '';

/** may tells what to offer; what is allowed the server decides at each call. */
export const may = (least: Role) => order.indexOf(about('role')) >= order.indexOf(least);
