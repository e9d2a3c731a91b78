// Switches a curve when its entry in the legend is clicked.
for (const chart of document.querySelectorAll(".chart")) {
  const curves = new Map();
  for (const curve of chart.querySelectorAll(".curve")) curves.set(curve.dataset.series, curve);
  for (const key of chart.querySelectorAll(".series-key")) {
    const curve = curves.get(key.dataset.series);
    key.addEventListener("click", () => {
      const on = key.getAttribute("aria-pressed") !== "true";
      key.setAttribute("aria-pressed", on);
      curve.classList.toggle("on", on);
      curve.classList.toggle("off", !on);
    });
    key.addEventListener("pointerenter", () => curve.classList.add("pointed"));
    key.addEventListener("pointerleave", () => curve.classList.remove("pointed"));
  }
}
document.documentElement.classList.add("scripted");
