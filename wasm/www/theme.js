// Colours for what is drawn on canvases: those of the style sheet, and the ramp from rest to spike.

const STEPS = 256;

/** A CSS colour as [red, green, blue]. */
function components(colour) {
  const value = Number.parseInt(colour.trim().slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

export function mixed(from, to, share) {
  return from.map((value, i) => Math.round(value + (to[i] - value) * share));
}

export function css([red, green, blue], alpha = 1) {
  return alpha === 1 ? `rgb(${red} ${green} ${blue})` : `rgb(${red} ${green} ${blue} / ${alpha})`;
}

class Theme {
  constructor() {
    this.listeners = [];
    this.read();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.read();
      for (const listener of this.listeners) listener();
    });
  }

  read() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["paper", "plate", "ink", "soft", "line", "ember", "blue"]) {
      this[name] = components(style.getPropertyValue(`--${name}`));
    }
    const stops = style.getPropertyValue("--ramp").trim().split(/\s+/).map(components);
    this.ramp = Array.from({ length: STEPS }, (_, step) => {
      const at = (step / (STEPS - 1)) * (stops.length - 1);
      const low = Math.min(Math.floor(at), stops.length - 2);
      return mixed(stops[low], stops[low + 1], at - low);
    });
    this.font = style.getPropertyValue("--sans");
    this.serif = style.getPropertyValue("--serif");
  }

  onChange(listener) {
    this.listeners.push(listener);
  }
}

export const theme = new Theme();
