# One line per model, length, platform and softmax: from shapes (the golden table), with the energy of the runs beside
# it where there is one. A run that disagrees with the table ends the program. Needs csv.awk.
FNR == 1 {
    csv_header($0)
    n = split(FILENAME, path, "/")
    run = path[n - 1]
    table = path[n]
    if (table == "flat_lengths.csv") columns = $0
    next
}
{ csv_cells($0, cells) }
table == "flat_lengths.csv" {
    at = csv(cells, "model") "," csv(cells, "tokens") "," csv(cells, "platform") "," csv(cells, "softmax")
    order[++rows] = at
    line[at] = $0
    golden[at ",flat"] = csv(cells, "flat_cycles")
    golden[at ",unfused"] = csv(cells, "unfused_cycles")
    next
}
csv(cells, "pricing") != "library" { next }
{
    machine = csv(cells, "machine")
    at = run "," (machine ~ /cloud/ ? "cloud" : "edge") "," (machine ~ /free/ ? "free" : "charged")
}
table == "plans.csv" && csv(cells, "scope") == "attention" && csv(cells, "plan") ~ /^(flat|unfused)$/ {
    key = at "," csv(cells, "plan")
    if (!(key in golden) || golden[key] != csv(cells, "latency_cycles")) {
        print key ": run " csv(cells, "latency_cycles") ", tests/golden/flat_lengths.csv " golden[key] " cycles" > "/dev/stderr"
        csv_failed = 1
        exit 2
    }
    ran[at] = 1
}
table == "ledger.csv" && csv(cells, "plan_scope") == "attention" {
    key = at "," csv(cells, "plan")
    if (csv(cells, "energy_source") == "unknown") next
    if (csv(cells, "component") == "memory") dram[key] += csv(cells, "energy_pJ")
    full[key] += csv(cells, "energy_pJ")
}
END {
    if (csv_failed) exit 2
    print columns ",flat_dram_uJ,unfused_dram_uJ,flat_known_uJ,unfused_known_uJ"
    for (i = 1; i <= rows; ++i) {
        at = order[i]
        f = at ",flat"; u = at ",unfused"
        if (at in ran) printf "%s,%.4f,%.4f,%.4f,%.4f\n", line[at], dram[f] / 1e6, dram[u] / 1e6, full[f] / 1e6, full[u] / 1e6
        else print line[at] ",,,,"
    }
}
