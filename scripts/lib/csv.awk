# Comma-separated tables with a header, for awk: `-f scripts/lib/csv.awk`. Quoted cells may hold commas and "".

# csv_cells(line, cells): cells[1..n] of one line; returns n.
function csv_cells(line, cells,    n, cell, quoted, i, c) {
    split("", cells)
    n = 0; cell = ""; quoted = 0
    if (index(line, "\"") == 0) return split(line, cells, ",")
    for (i = 1; i <= length(line); ++i) {
        c = substr(line, i, 1)
        if (quoted) {
            if (c != "\"") cell = cell c
            else if (substr(line, i + 1, 1) == "\"") { cell = cell c; ++i }
            else quoted = 0
        }
        else if (c == "\"") quoted = 1
        else if (c == ",") { cells[++n] = cell; cell = "" }
        else cell = cell c
    }
    cells[++n] = cell
    return n
}

# csv_header(line): remembers where each column is.
function csv_header(line,    names, n, i) {
    split("", csv_at)
    n = csv_cells(line, names)
    for (i = 1; i <= n; ++i) csv_at[names[i]] = i
}

# csv(cells, name): the cell of that column; a missing column ends the program.
function csv(cells, name) {
    if (!(name in csv_at)) {
        print FILENAME ": no column " name > "/dev/stderr"
        csv_failed = 1
        exit 2
    }
    return cells[csv_at[name]]
}
