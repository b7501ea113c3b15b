// Nothing here is needed: pages work without scripts.
"use strict";

// A box that ticks all boxes of a name; without scripts it is not shown.
for (const box of document.querySelectorAll("[data-ticks]")) {
    box.hidden = false;
    box.addEventListener("change", () => {
        for (const other of document.getElementsByName(box.dataset.ticks)) {
            other.checked = box.checked;
        }
    });
}

// Asks before a form with `data-confirm` is sent.
document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) {
        event.preventDefault();
    }
});
