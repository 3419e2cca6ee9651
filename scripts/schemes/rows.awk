# Rows of one run from its summary.csv and survey.csv: accuracy, fidelity, and costs by machine, plan and scope. A run
# without a machine has one row. Needs csv.awk. Variable: settings.

function quoted(text) {
    if (text !~ /[",]/) return text
    gsub(/"/, "\"\"", text)
    return "\"" text "\""
}
function print_row(at) {
    print front "," machine[at] "," plan[at] "," scope[at] "," item[at, "energy_J"] "," quoted(item[at, "energy_unknown"]) \
        "," item[at, "latency_s"] "," item[at, "offchip_read_bytes"] "," item[at, "offchip_written_bytes"] "," \
        item[at, "utilisation"] ","
}

FNR == 1 { csv_header($0); table = FILENAME; sub(/.*\//, "", table); next }
{ csv_cells($0, cells) }
table == "summary.csv" {
    language = csv(cells, "token_perplexity_value") != ""
    name = language ? "token_perplexity" : "top1"
    front = csv(cells, "trace") "," csv(cells, "scheme") "," quoted(settings) ",run," (language ? "perplexity" : "top-1") "," \
        csv(cells, name "_value") "," csv(cells, name "_low") "," csv(cells, name "_high") "," \
        csv(cells, name "_exact_value") "," csv(cells, "kept_rate") "," csv(cells, "to_exact_relative_rms")
}
table == "survey.csv" {
    at = csv(cells, "machine") SUBSEP csv(cells, "pricing") SUBSEP csv(cells, "plan") SUBSEP csv(cells, "plan_scope")
    if (!(at in machine)) order[++rows] = at
    machine[at] = csv(cells, "machine"); plan[at] = csv(cells, "plan"); scope[at] = csv(cells, "plan_scope")
    value = csv(cells, "value")
    item[at, csv(cells, "item")] = value != "" ? value : csv(cells, "unknown_because")
}
END {
    if (csv_failed) exit 2
    for (i = 1; i <= rows; ++i) print_row(order[i])
    if (rows == 0) print_row("none")
}
