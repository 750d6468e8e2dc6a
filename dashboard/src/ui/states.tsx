// What a view shows when it has nothing, waits, or was refused.
import type { ComponentChildren } from "preact";
import { Icon } from "./icons";

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="blank">
      <p class="blank-title">{title}</p>
      {children ? <div class="blank-text">{children}</div> : null}
    </div>
  );
}

export function Loading({ what }: { what: string }) {
  return (
    <div class="blank" role="status">
      <span class="spinner" aria-hidden="true" />
      <p class="blank-text">Loading {what}…</p>
    </div>
  );
}

export function Failed({ error, retry }: { error: Error; retry?: () => void }) {
  const request = (error as { requestId?: string }).requestId;
  return (
    <div class="blank" role="alert">
      <Icon name="warn" size={24} />
      <p class="blank-title">{error.message}</p>
      {request ? <p class="blank-text">Request {request}</p> : null}
      {retry ? (
        <button type="button" class="button" onClick={retry}>
          Try again
        </button>
      ) : null}
    </div>
  );
}
