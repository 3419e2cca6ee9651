# numbers.csv as tables and one paragraph (Markdown), lines of any length. Fails where a number by hand disagrees.
BEGIN {
    FS = ","
    split("dense mask-only dense-tiled", baselines, " ")
    split("sprint dense mask-only dense-tiled", plans, " ")
    said["bert-padded"] = "BERT-base, 0.46 padding, prefill"
    said["bert-full"] = "BERT-base, no padding, prefill"
    said["gpt"] = "GPT-2 large, causal, prefill"
    said["gpt-decode"] = "GPT-2 large, causal, decode"
}
FNR == 1 { next }
{
    if (!($1 in seen)) cases[++case_count] = $1
    seen[$1] = 1
    value[$1, $2, $3, $4, $5, $6] += $7
    if ($5 != "energy of" && $5 != "no figure") next
    split($6, part, "; ")
    if (!(($3, part[1]) in listed)) components[$3, ++component_count[$3]] = part[1]
    listed[$3, part[1]] = 1
    if ($5 == "energy of") component_energy[$1, $2, $3, $4, part[1]] += $7
    else unknown[$1, $2, $3, $4, part[1]] = 1
}
function get(c, machine, pricing, plan, quantity, item) {
    if (!((c, machine, pricing, plan, quantity, item) in value)) {
        printf "no number for %s %s %s %s %s %s\n", c, machine, pricing, plan, quantity, item >"/dev/stderr"
        failed = 1
        exit 1
    }
    return value[c, machine, pricing, plan, quantity, item]
}
function times(x) { return sprintf(x < 9.995 ? "%.2f" : x < 99.95 ? "%.1f" : "%.0f", x) }
function pair(c, machine, pricing, plan, quantity) {
    return times(get(c, machine, pricing, plan, quantity, "with writes")) " / " \
        times(get(c, machine, pricing, plan, quantity, "without writes"))
}
function by_hand(what, computed, hand) {
    if (computed < hand * 0.99 || computed > hand * 1.01) {
        printf "%s: %g, by hand %g\n", what, computed, hand >"/dev/stderr"
        failed = 1
        exit 1
    }
    return hand
}
function breakdown(c, pricing, k, p, cell, row, x) {
    printf "\n### %s, %s prices, uJ\n\n| component | sprint | dense | mask-only | dense-tiled |\n|---|---:|---:|---:|---:|\n", said[c], pricing
    for (k = 1; k <= component_count[pricing]; k++) {
        cell = components[pricing, k]
        row = ""
        any = 0
        for (p = 1; p <= 4; p++) {
            x = component_energy[c, "sprint-s", pricing, plans[p], cell]
            u = (c, "sprint-s", pricing, plans[p], cell) in unknown
            if (x > 0 || u) any = 1
            row = row " | " (x > 0 ? sprintf("%.4g", x * 1e6) (u ? " + unknown" : "") : u ? "unknown" : "-")
        }
        if (any) print "| " cell row " |"
    }
    for (w = 1; w <= 2; w++) {
        row = w == 1 ? "| total" : "| total without writes"
        for (p = 1; p <= 4; p++) row = row sprintf(" | %.4g", get(c, "sprint-s", pricing, plans[p], "energy", w == 1 ? "with writes" : "without writes") * 1e6)
        print row " |"
    }
}
function time_table(c, k, p, row) {
    printf "\n### %s, us\n\n| busy | sprint | dense | mask-only | dense-tiled |\n|---|---:|---:|---:|---:|\n", said[c]
    n = split("reram_read thresholding qk_pu softmax v_pu fill write", resources, " ")
    for (k = 1; k <= n; k++) {
        row = "| " resources[k]
        for (p = 1; p <= 4; p++) row = row sprintf(" | %.4g", get(c, "sprint-s", "", plans[p], "busy", resources[k]) / 1e3)
        print row " |"
    }
    for (w = 1; w <= 2; w++) {
        row = w == 1 ? "| latency" : "| latency without writes"
        for (p = 1; p <= 4; p++) row = row sprintf(" | %.4g", get(c, "sprint-s", "", plans[p], "latency", w == 1 ? "with writes" : "without writes") * 1e6)
        print row " |"
    }
}
function distance(s, heads, n, v, d, bits, dense_read, write_bits, writes, slc, mlc, write_time, macs, linear, mac, weights) {
    s = "sprint-s"
    heads = 12; n = 384; v = 207; d = 64
    bits = 2 * d * 8
    dense_read = by_hand("dense reads", get("bert-padded", s, "paper", "dense", "energy of", "reram_read; slc_bit_read"), heads * (n * n * bits + n * d * 8) * 3.1e-12)
    writes = by_hand("writes", component_energy["bert-padded", s, "paper", "sprint", "reram_write"], heads * v * 3 * d * 8 * 24.4e-12)
    slc = heads * ceil(v * 20 * d / 512) * 50
    mlc = heads * ceil(v * 2 * d / 512) * 10 * 60
    write_time = by_hand("write time", get("bert-padded", s, "", "sprint", "busy", "write"), slc + mlc) * 1e-9
    sprint_time = get("bert-padded", s, "", "sprint", "latency", "with writes")
    sprint_dry = get("bert-padded", s, "", "sprint", "latency", "without writes")
    mask_time = get("bert-padded", s, "", "mask-only", "latency", "with writes")
    one_pulse = sprint_time - mlc * 0.9e-9
    # The linear operators of a BERT-base block over valid tokens, on the MACs of both units.
    macs = v * (4 * 768 * 768 + 2 * 768 * 3072)
    linear = macs / 128 * 1e-9
    mac = get("bert-padded", s, "paper", "sprint", "energy of", "qk_pu; qk_mac") / get("bert-padded", s, "paper", "sprint", "count", "qk_pu; qk_mac")
    weights = (4 * 768 * 768 + 2 * 768 * 3072) * 8 * 3.1e-12
    linear_energy = macs * mac + weights
    sprint_energy = get("bert-padded", s, "paper", "sprint", "energy", "with writes")
    mask_energy = get("bert-padded", s, "paper", "mask-only", "energy", "with writes")
    printf "SPRINT's authors report 7.5 times the speed and 19.6 times less energy for S, on average over models. "
    printf "On the padded BERT heads, writes left out of both sides and at the paper's prices, the model gives %s and %s against dense, ", \
        times(get("bert-padded", s, "", "dense", "speedup", "without writes")), times(get("bert-padded", s, "paper", "dense", "energy gain", "without writes"))
    printf "%s and %s against mask-only: which of the two the published averages are over and whether they charge writes could not be verified. ", \
        times(get("bert-padded", s, "", "mask-only", "speedup", "without writes")), times(get("bert-padded", s, "paper", "mask-only", "energy gain", "without writes"))
    printf "With writes mask-only is beaten by %s and %s only. What stands between these pairs: ", \
        times(get("bert-padded", s, "", "mask-only", "speedup", "with writes")), times(get("bert-padded", s, "paper", "mask-only", "energy gain", "with writes"))
    printf "(1) **Writes.** By hand: %d heads x %d tokens x 3 x 64 x 8 bits x 24.4 pJ = %.1f uJ, %.2f of SPRINT's energy and %.3f of mask-only's; they are the same on both sides and pruning does not make them less. ", \
        heads, v, writes * 1e6, writes / sprint_energy, writes / mask_energy
    printf "Their time is 12 x ceil(%d x 1280 / 512) x 50 ns = %.0f us for single-level cells and 12 x ceil(%d x 128 / 512) x 10 pulses x 60 ns = %.0f us for K's MSBs, together %.0f us against %.0f us for everything else. The 10 pulses and the 512 cells side by side are assumed; with one pulse the speedup over mask-only would be %s in place of %s. ", \
        v, slc / 1e3, v, mlc / 1e3, write_time * 1e6, sprint_dry * 1e6, times(mask_time / one_pulse), times(mask_time / sprint_time)
    printf "(2) **Baseline.** Dense streams K and V once per query, by hand 12 x 384 x 384 x 1024 bits x 3.1 pJ (and Q once) = %.2f mJ; leaving out padding alone makes that %s times less energy and %s times the speed, so against dense the gains are %s and %s. ", \
        dense_read * 1e3, times(get("bert-padded", s, "paper", "dense", "energy", "with writes") / mask_energy), times(get("bert-padded", s, "", "dense", "latency", "with writes") / mask_time), \
        times(get("bert-padded", s, "paper", "dense", "energy gain", "with writes")), times(get("bert-padded", s, "", "dense", "speedup", "with writes"))
    printf "Queries in blocks under the same 16 KB (dense-tiled) need no pruning to reuse K and V: over that SPRINT gains %s in energy and %s in speed with writes. ", \
        times(get("bert-padded", s, "paper", "dense-tiled", "energy gain", "with writes")), times(get("bert-padded", s, "", "dense-tiled", "speedup", "with writes"))
    printf "(3) **Prices.** With cells, drivers, comparators and amplifiers priced by the device in place of the paper's 0.10, 3.1 and 24.4 pJ the gain over mask-only is %s with writes; decoders, bit lines and I/O of the memory have no figure there, so it lies anywhere in [%s, %s]. ", \
        times(get("bert-padded", s, "physics", "mask-only", "energy gain", "with writes")), times(get("bert-padded", s, "physics", "mask-only", "energy gain at least", "with writes")), times(get("bert-padded", s, "physics", "mask-only", "energy gain at most", "with writes"))
    printf "(4) **Banks.** Waiting for the fullest bank, with 15 sense steps for four bits, takes the speedup over mask-only from %s to %s (without writes from %s to %s). ", \
        times(get("bert-padded", s, "", "mask-only", "speedup", "with writes")), times(get("bert-padded", "sprint-s-banks", "", "mask-only", "speedup", "with writes")), \
        times(get("bert-padded", s, "", "mask-only", "speedup", "without writes")), times(get("bert-padded", "sprint-s-banks", "", "mask-only", "speedup", "without writes"))
    printf "(5) **Decode.** One token at a time the buffer is cold: every kept key is fetched again, and gains over mask-only fall to %s in energy and %s in speed, near 1 / 0.25, the share of keys that are kept, less the writes. ", \
        times(get("gpt-decode", s, "paper", "mask-only", "energy gain", "with writes")), times(get("gpt-decode", s, "", "mask-only", "speedup", "with writes"))
    printf "(6) **Slots.** A query is a chain: its fetch, q.k, softmax (87 cycles deep) and weighted sum follow one another. Eight queries may be on their way at a time (`machine.fetch_slots`, a choice that covers the depth of the softmax unit): SPRINT's busiest resource works %.0f us of %.0f us without writes, mask-only's %.0f us of %.0f us. With plain double buffering, two queries on their way, units idle in every plan that fetches query by query; dense-tiled has many queries to a fetch and hardly waits. SPRINT then takes %.0f us and the speedup over mask-only is %s, over dense-tiled %s (without writes %s and %s). ", \
        busiest("sprint"), sprint_dry * 1e6, busiest("mask-only"), get("bert-padded", s, "", "mask-only", "latency", "without writes") * 1e6, get("bert-padded", "sprint-s-slots", "", "sprint", "latency", "without writes") * 1e6, \
        times(get("bert-padded", "sprint-s-slots", "", "mask-only", "speedup", "with writes")), times(get("bert-padded", "sprint-s-slots", "", "dense-tiled", "speedup", "with writes")), \
        times(get("bert-padded", "sprint-s-slots", "", "mask-only", "speedup", "without writes")), times(get("bert-padded", "sprint-s-slots", "", "dense-tiled", "speedup", "without writes"))
    printf "(7) **Whole model.** The linear operators of a BERT-base block over the valid tokens are %.2f GMAC against %.3f GMAC of its attention; on the same 128 MACs a cycle they take %.1f ms and, with their weights read once, %.2f mJ, so that a whole block would be %s times as fast as mask-only and take %s times less energy. This last pair is arithmetic on the numbers above, not a run: the chip holds no weights.\n", \
        macs * 1e-9, 2 * heads * v * v * d * 1e-9, linear * 1e3, linear_energy * 1e3, times((mask_time + linear) / (sprint_time + linear)), times((mask_energy + linear_energy) / (sprint_energy + linear_energy))
}
function busiest(plan) {
    return get("bert-padded", "sprint-s", "", plan, "latency", "without writes") * 1e6 - get("bert-padded", "sprint-s", "", plan, "busy", "fill") * 1e-3
}
function ceil(x) { return int(x) + (x > int(x)) }
END {
    if (failed) exit 1
    print "## Gains of SPRINT S, with / without operand writes\n"
    print "| heads | baseline | energy, paper prices | energy, physics prices | speed | speed, bank conflicts counted | speed, 2 fetch slots |\n|---|---|---:|---:|---:|---:|---:|"
    for (c = 1; c <= case_count; c++)
        for (b = 1; b <= 3; b++)
            printf "| %s | %s | %s | %s | %s | %s | %s |\n", said[cases[c]], baselines[b], pair(cases[c], "sprint-s", "paper", baselines[b], "energy gain"), \
                pair(cases[c], "sprint-s", "physics", baselines[b], "energy gain"), pair(cases[c], "sprint-s", "", baselines[b], "speedup"), \
                pair(cases[c], "sprint-s-banks", "", baselines[b], "speedup"), pair(cases[c], "sprint-s-slots", "", baselines[b], "speedup")
    print "\nKnown lines only: ranges over what has no figure are in `numbers.csv` (`energy gain at least`, `at most`)."
    print "\n## How far from 7.5 and 19.6, and why\n"
    distance()
    print "\n## Energy by component"
    for (c = 1; c <= case_count; c++) {
        breakdown(cases[c], "paper")
        breakdown(cases[c], "physics")
    }
    print "\n## Time"
    for (c = 1; c <= case_count; c++) time_table(cases[c])
}
