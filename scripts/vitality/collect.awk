# One line per shape, batch, system and scope, from the summary, plans and ledger tables of every run. Needs csv.awk.
function own(plan) { return plan == "operators" || plan == "sanger" }
FNR == 1 {
    csv_header($0)
    n = split(FILENAME, path, "/")
    run = path[n - 1]
    table = path[n]
    next
}
run !~ /^deit/ { next }
{ csv_cells($0, cells) }
table == "summary.csv" { kept[run] = csv(cells, "kept_rate") }
table == "plans.csv" && csv(cells, "pricing") == "library" {
    if (!own(csv(cells, "plan"))) next
    at = run "," csv(cells, "scope")
    latency[at] = csv(cells, "latency_ns")
    cycles[at] = csv(cells, "latency_cycles")
    energy[at] = csv(cells, "energy_pJ")
}
table == "plan_layers.csv" && csv(cells, "layer") == "0" && own(csv(cells, "plan")) { bound[run "," csv(cells, "plan_scope")] = csv(cells, "bottleneck") }
table == "ledger.csv" && csv(cells, "pricing") == "library" {
    if (!own(csv(cells, "plan"))) next
    at = run "," csv(cells, "plan_scope")
    if (csv(cells, "count_unit") == "MAC") {
        narrow = csv(cells, "event") ~ /_4bit/
        macs[at] += narrow ? 0 : csv(cells, "count")
        narrow_macs[at] += narrow ? csv(cells, "count") : 0
    }
    component = csv(cells, "component")
    if (csv(cells, "energy_source") == "unknown") {
        if (index("; " unknown[at] ";", "; " component ";") == 0) unknown[at] = unknown[at] (unknown[at] == "" ? "" : "; ") component
    }
    else if (component == "memory") memory[at] += csv(cells, "energy_pJ")
    else if (component == "sram") sram[at] += csv(cells, "energy_pJ")
    else compute[at] += csv(cells, "energy_pJ")
}
END {
    if (csv_failed) exit 2
    print "shape,batch,system,scope,latency_us,energy_uJ,energy_compute_uJ,energy_sram_uJ,energy_memory_uJ,macs_M,macs_4bit_M,utilisation,kept,bound,unknown"
    split("deit-t deit-s deit-b", shapes, " ")
    split("1 64", batches, " ")
    count = split("vitality,sanger 0.002,sanger 0.02,sanger 0,sanger-roomy,sanger-roomy-lanes", systems, ",")
    split("attention model", scopes, " ")
    for (s = 1; s <= 3; ++s)
        for (b = 1; b <= 2; ++b)
            for (y = 1; y <= count; ++y)
                for (c = 1; c <= 2; ++c) {
                    run = shapes[s] "," batches[b] "," systems[y]
                    at = run "," scopes[c]
                    if (!(at in latency)) { print "no figures of " at > "/dev/stderr"; exit 2 }
                    # 4,160 multipliers on both sides; four products of 4 bits take one of 8.
                    use = (macs[at] + narrow_macs[at] / 4) * batches[b] / (4160 * cycles[at])
                    printf "%s,%s,%.4f,%.4f,%.4f,%.4f,%.4f,%.4f,%.4f,%.4f,%s,%s,%s\n", run, scopes[c], latency[at] / batches[b] / 1e3, \
                        energy[at] / 1e6, compute[at] / 1e6, sram[at] / 1e6, memory[at] / 1e6, macs[at] / 1e6, narrow_macs[at] / 1e6, \
                        use, systems[y] == "vitality" ? "" : kept[run], bound[at], unknown[at]
                }
}
