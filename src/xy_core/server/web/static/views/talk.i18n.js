export const en = { "talk.title": "Talk" };
export const zh = { "talk.title": "对话" };
