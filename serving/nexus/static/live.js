// Keeps a page current: one event stream, closed while the tab is hidden, and ages that count on.
"use strict";

(() => {
  const STATES = { live: "Live", wait: "Connecting", lost: "Reconnecting" };

  function show(state) {
    const sign = document.getElementById("live");
    if (!sign || sign.dataset.state === state) return;
    sign.dataset.state = state;
    sign.textContent = STATES[state];
  }

  // A browser opens six connections to a host at most; tabs nobody looks at must not hold one each.
  // What was missed meanwhile is asked for by "after" when the tab is looked at again.
  class LiveSource extends EventTarget {
    constructor(url) {
      super();
      this.url = new URL(url, location.href);
      this.closed = false;
      this.onVisibility = () => (document.hidden ? this.pause() : this.start());
      document.addEventListener("visibilitychange", this.onVisibility);
      window.addEventListener("pagehide", () => this.pause());
      this.start();
    }

    start() {
      if (this.closed || this.source || document.hidden) return;
      const source = new EventSource(this.url);
      this.source = source;
      source.onopen = (event) => { show("live"); if (this.onopen) this.onopen(event); };
      source.onerror = (event) => {
        show("lost");
        const isOver = source.readyState === EventSource.CLOSED;
        if (isOver) this.pause();
        if (this.onerror) this.onerror(event);
        if (isOver) this.retry = setTimeout(() => this.start(), 5000);
      };
      source.addEventListener("change", (event) => {
        this.url.searchParams.set("after", event.lastEventId);
        this.dispatchEvent(new MessageEvent("change", { data: event.data, lastEventId: event.lastEventId }));
      });
    }

    pause() {
      clearTimeout(this.retry);
      if (this.source) this.source.close();
      this.source = null;
    }

    close() {
      this.closed = true;
      this.pause();
      document.removeEventListener("visibilitychange", this.onVisibility);
    }

    // htmx's extension would open a second stream on CLOSED; ours comes back by itself.
    get readyState() { return this.closed ? EventSource.CLOSED : EventSource.OPEN; }
  }

  function span(seconds) {
    const minutes = Math.floor(Math.max(seconds, 0) / 60);
    if (minutes < 1) return "< 1 min";
    if (minutes < 60) return `${minutes} min`;
    if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ""}`;
    return `${Math.floor(minutes / 1440)} days`;
  }

  function countOn() {
    for (const time of document.querySelectorAll("time[data-age]")) {
      const text = span((Date.now() - Date.parse(time.dateTime)) / 1000);
      if (time.textContent !== text) time.textContent = text;
    }
  }

  htmx.createEventSource = (url) => new LiveSource(url);
  setInterval(countOn, 10000);
})();
