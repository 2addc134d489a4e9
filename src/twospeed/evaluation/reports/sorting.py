"""A table of a page that sorts by the column whose heading is clicked; nothing is fetched."""

SORTED = "sorted"
"""Class of such a table."""

_SCRIPT = """<script>
for (const table of document.querySelectorAll("table.sorted")) {
  const [head, ...rows] = table.rows;
  for (const [column, cell] of [...head.cells].entries()) {
    cell.style.cursor = "pointer";
    cell.tabIndex = 0;
    let rising = false;
    const value = row => row.cells[column].textContent;
    const number = row => { const it = parseFloat(value(row)); return isNaN(it) ? -Infinity : it; };
    const sort = () => {
      rising = !rising;
      const compare = column === 0
        ? (a, b) => value(a).localeCompare(value(b))
        : (a, b) => number(b) - number(a);
      rows.sort((a, b) => rising ? compare(a, b) : compare(b, a));
      head.parentNode.append(...rows);
    };
    cell.addEventListener("click", sort);
    cell.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
  }
}
</script>"""


def sortable(table: str) -> str:
    """Return the HTML of a table of class `SORTED` with what sorts it, wide ones scrolling."""
    return f'<div style="overflow-x: auto">{table}</div>\n{_SCRIPT}'
