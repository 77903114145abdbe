// Where a model is, in the words of Watch and Models.
export const en = {
  "state.cold": "not loaded",
  "state.loading": "loading",
  "state.ready": "loaded",
  "state.draining": "leaving",
  "state.unloading": "unloading",
  "state.swapped": "in host memory",
  "state.failed": "failed",
};

export const zh = {
  "state.cold": "未加载",
  "state.loading": "加载中",
  "state.ready": "已加载",
  "state.draining": "即将卸载",
  "state.unloading": "卸载中",
  "state.swapped": "在主机内存",
  "state.failed": "失败",
};
