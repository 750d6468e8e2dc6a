import { useEffect, useRef } from "preact/hooks";
import { keysOn, setKeys } from "../prefs";
import { helpOpen } from "./keys";
import { Icon } from "./icons";

const KEYS: [string, [string, string][]][] = [
  ["Everywhere", [["1 – 5", "Live, Calls, Recordings, Harvesters, Rules"], ["/", "Go to the search"], ["j  k", "Next, previous row"], ["Enter", "Open the row"], ["t", "Light, dark, as the system"], ["u", "Times in UTC or browser zone"], ["?", "This help"]]],
  ["Live", [["l", "Listen to the row in focus"], ["x", "Stop listening"]]],
  ["Call", [["Space", "Play, pause"], ["←  →", "5 seconds back, forward"], ["⇧ ←  ⇧ →", "30 seconds"], ["m  M", "Mute caller, callee"], ["<  >", "Slower, faster"], ["Esc", "Back to the list"]]],
];

export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = helpOpen.value;
  useEffect(() => {
    if (open && !dialog.current?.open) dialog.current?.showModal();
    if (!open && dialog.current?.open) dialog.current.close();
  }, [open]);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={() => (helpOpen.value = false)}>
      <div class="help-head">
        <h2 id="help-title">Keys and words</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={() => (helpOpen.value = false)}>
          <Icon name="close" />
        </button>
      </div>
      <div class="help-keys">
        {KEYS.map(([title, rows]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {rows.map(([key, what]) => (
                <div key={key}>
                  <dt>{key.split("  ").map((k) => <kbd key={k}>{k}</kbd>)}</dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <p class="help-note">
        Caller is the upper lane and the left ear, callee the lower lane and the right ear. callmesh only watches the wire: it can
        let you hear a call, not speak into it.
      </p>
      <label class="check">
        <input type="checkbox" checked={keysOn.value} onChange={(e) => setKeys(e.currentTarget.checked)} /> Single-letter keys
      </label>
    </dialog>
  );
}
