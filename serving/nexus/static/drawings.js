// Draws what the page carries as JSON: metric charts with uPlot, the service graph with cytoscape.
"use strict";

(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 700px)");
  const still = new WeakMap();

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  function short(value) {
    if (value === null) return "";
    const size = Math.abs(value);
    if (size >= 1e9) return `${+(value / 1e9).toPrecision(3)}G`;
    if (size >= 1e6) return `${+(value / 1e6).toPrecision(3)}M`;
    if (size >= 1e4) return `${+(value / 1e3).toPrecision(3)}k`;
    return String(+value.toPrecision(3));
  }

  // Dashes tell the two lines apart without colour.
  function marks(chart) {
    return (plot) => {
      const { ctx, bbox } = plot;
      for (const [at, name, dash] of [[chart.onset, "onset", [6, 4]], [chart.alert, "alert", []]]) {
        if (at === null || at < plot.scales.x.min || at > plot.scales.x.max) continue;
        const x = Math.round(plot.valToPos(at, "x", true));
        ctx.save();
        ctx.strokeStyle = colour(name);
        ctx.lineWidth = 2 * devicePixelRatio;
        ctx.setLineDash(dash.map((part) => part * devicePixelRatio));
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
        ctx.restore();
      }
    };
  }

  function drawChart(figure) {
    const chart = JSON.parse(figure.querySelector("script").textContent);
    const box = figure.querySelector(".plot");
    const axis = {
      stroke: colour("muted"),
      grid: { stroke: colour("line"), width: 1 },
      ticks: { stroke: colour("line"), width: 1, size: 4 },
      font: "12px system-ui, sans-serif",
    };
    const options = {
      width: box.clientWidth,
      height: 150,
      legend: { show: false },
      cursor: { show: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      axes: [
        { ...axis, space: 70, size: 32, values: (_, times) => times.map((t) => new Date(t * 1000).toISOString().slice(11, 16)) },
        { ...axis, size: 52, values: (_, values) => values.map(short) },
      ],
      series: [{}, { stroke: colour("series"), width: 1.5, points: { show: false }, spanGaps: false }],
      hooks: { draw: [marks(chart)] },
    };
    box.replaceChildren();
    const plot = new uPlot(options, [chart.times, chart.values], box);
    const observer = new ResizeObserver(() => {
      if (box.clientWidth && box.clientWidth !== plot.width) plot.setSize({ width: box.clientWidth, height: 150 });
    });
    observer.observe(box);
    return () => { observer.disconnect(); plot.destroy(); };
  }

  function drawGraph(holder) {
    const { nodes, edges } = JSON.parse(holder.querySelector("script").textContent);
    const box = holder.querySelector(".graph");
    const isTall = narrow.matches;
    const place = ({ column, row }) => (isTall ? { x: row * 118, y: column * 74 } : { x: column * 170, y: row * 58 });
    const fill = { "": "node", cause: "cause", symptom: "symptom", possible: "possible" };
    const graph = cytoscape({
      container: box,
      elements: [
        ...nodes.map((node) => ({ data: { id: `s:${node.id}`, name: node.id, role: node.role }, position: place(node) })),
        ...edges.map((edge, i) => ({
          data: { id: `e:${i}`, source: `s:${edge.caller}`, target: `s:${edge.callee}`, path: edge.on_path ? 1 : 0 },
        })),
      ],
      layout: { name: "preset", padding: 16 },
      userZoomingEnabled: false,
      userPanningEnabled: false,
      boxSelectionEnabled: false,
      autoungrabify: true,
      autounselectify: true,
      style: [
        {
          selector: "node",
          style: {
            label: "data(name)", shape: "round-rectangle", width: isTall ? 104 : 128, height: 36,
            "text-valign": "center", "text-halign": "center", "text-wrap": "ellipsis",
            "text-max-width": isTall ? 94 : 118,
            "font-family": "system-ui, sans-serif", "font-size": 13, color: colour("text"),
            "background-color": colour("node"), "border-width": 1, "border-color": colour("node-line"),
          },
        },
        ...["cause", "symptom", "possible"].map((role) => ({
          selector: `node[role = "${role}"]`,
          style: {
            "background-color": colour(fill[role]), "border-color": colour(`${role}-line`),
            "border-width": role === "cause" ? 4 : 2, "border-style": role === "possible" ? "dashed" : "solid",
            "font-weight": role === "cause" ? "bold" : "normal",
          },
        })),
        {
          selector: "edge",
          style: {
            width: 1.5, "line-color": colour("edge"), "target-arrow-color": colour("edge"),
            "target-arrow-shape": "triangle", "arrow-scale": 0.9, "curve-style": "bezier",
          },
        },
        {
          selector: "edge[path = 1]",
          style: { width: 3, "line-color": colour("cause-line"), "target-arrow-color": colour("cause-line") },
        },
      ],
    });
    const fit = () => {
      graph.resize();
      graph.fit(undefined, 12);
      if (graph.zoom() > 1.15) { graph.zoom(1.15); graph.center(); }
    };
    fit();
    const observer = new ResizeObserver(fit);
    observer.observe(box);
    return () => { observer.disconnect(); graph.destroy(); };
  }

  function draw(isForced) {
    const parts = [
      ...[...document.querySelectorAll("figure.chart")].map((element) => [element, drawChart]),
      ...[...document.querySelectorAll("[id^='graph-']")].map((element) => [element, drawGraph]),
    ];
    for (const [element, how] of parts) {
      if (still.has(element) && !isForced) continue;
      if (still.has(element)) still.get(element)();
      still.set(element, how(element));
    }
  }

  draw(false);
  document.body.addEventListener("htmx:afterSettle", () => draw(false));
  dark.addEventListener("change", () => draw(true));
  narrow.addEventListener("change", () => draw(true));
})();
