# The tables of the README, from numbers.csv. Needs csv.awk.
FNR == 1 { csv_header($0); next }
{
    csv_cells($0, cells)
    model = csv(cells, "model"); tokens = csv(cells, "tokens"); platform = csv(cells, "platform"); softmax = csv(cells, "softmax")
    at = platform "," model "," tokens "," softmax
    split("flat unfused", plans, " ")
    for (p = 1; p <= 2; ++p) {
        name = plans[p]
        ms[at, name] = csv(cells, name "_cycles") / 0.94e6
        use[at, name] = csv(cells, name "_utilisation")
        mb[at, name] = csv(cells, name "_dram_bytes") / 1e6
        bound[at, name] = csv(cells, name "_bound")
        dram[at, name] = csv(cells, name "_dram_uJ")
        known[at, name] = csv(cells, name "_known_uJ")
    }
    gain[at] = csv(cells, "gain_attention"); whole[at] = csv(cells, "gain_model"); share[at] = csv(cells, "attention_share_unfused")
    if (softmax == "charged") {
        key = platform "," model "," tokens
        keys[++n] = key
        where[key] = platform
        name_of[key] = model; length_of[key] = tokens
    }
    # Geometric means over the models.
    sum[platform, tokens, softmax] += log(gain[at]); models[platform, tokens, softmax] += 1
    sum_whole[platform, tokens, softmax] += log(whole[at])
}
function mean(table, p, t, s) { return exp(table[p, t, s] / models[p, t, s]) }
END {
    if (csv_failed) exit 2
    split("cloud edge", platforms, " ")
    for (p = 1; p <= 2; ++p) {
        print "## Attention on " platforms[p] ", batch 64"
        print ""
        print "| model | tokens | FLAT ms | unfused ms | gain | gain, softmax free | 2-D utilisation FLAT, unfused | DRAM MB per inference FLAT, unfused | bound by: FLAT, unfused | softmax free: FLAT, unfused |"
        print "|---|---|---|---|---|---|---|---|---|---|"
        for (i = 1; i <= n; ++i) {
            if (where[keys[i]] != platforms[p]) continue
            c = keys[i] ",charged"; f = keys[i] ",free"
            printf "| %s | %d | %.2f | %.2f | %.2f | %.2f | %.3f, %.3f | %.1f, %.1f | %s, %s | %s, %s |\n", name_of[keys[i]], length_of[keys[i]], \
                ms[c, "flat"], ms[c, "unfused"], gain[c], gain[f], use[c, "flat"], use[c, "unfused"], mb[c, "flat"], mb[c, "unfused"], \
                bound[c, "flat"], bound[c, "unfused"], bound[f, "flat"], bound[f, "unfused"]
        }
        print ""
    }
    print "## One block: attention, projections and MLP (geometric mean of four models)"
    print ""
    print "| platform | tokens | gain of attention | of the block | softmax free: attention | block |"
    print "|---|---|---|---|---|---|"
    for (p = 1; p <= 2; ++p)
        for (t = 512; t <= 65536; t *= 2)
            printf "| %s | %d | %.2f | %.2f | %.2f | %.2f |\n", platforms[p], t, mean(sum, platforms[p], t, "charged"), \
                mean(sum_whole, platforms[p], t, "charged"), mean(sum, platforms[p], t, "free"), mean(sum_whole, platforms[p], t, "free")
    print ""
    print "## Energy of attention per inference: unfused over FLAT"
    print ""
    print "| platform | model | tokens | DRAM uJ FLAT, unfused | DRAM only | all known lines uJ FLAT, unfused | all known lines |"
    print "|---|---|---|---|---|---|---|"
    for (i = 1; i <= n; ++i) {
        c = keys[i] ",charged"
        if (dram[c, "flat"] == "") continue
        printf "| %s | %s | %d | %.1f, %.1f | %.2f | %.1f, %.1f | %.2f |\n", where[keys[i]], name_of[keys[i]], length_of[keys[i]], dram[c, "flat"], dram[c, "unfused"], \
            dram[c, "unfused"] / dram[c, "flat"], known[c, "flat"], known[c, "unfused"], known[c, "unfused"] / known[c, "flat"]
    }
    print ""
    print "## Published figures beside"
    print ""
    print "| figure | published | here |"
    print "|---|---|---|"
    c = "cloud,bert,4096,charged"
    printf "| FLAT over searched unfused, cloud, BERT, 4,096 tokens, softmax on 256 lanes (FuseMax's artefact) | 1.58 | %.3f |\n", gain[c]
    printf "| 2-D utilisation of FLAT there (FuseMax's artefact) | 0.125 | %.4f |\n", use[c, "flat"]
    for (p = 1; p <= 2; ++p) {
        q = platforms[p]
        printf "| speedup on %s, body of the paper (second-hand), five models | %s | 512 to 65,536 tokens, attention: %.2f to %.2f, softmax free %.2f to %.2f |\n", q, q == "edge" ? "1.75" : "1.65", \
            low(q, "charged"), high(q, "charged"), low(q, "free"), high(q, "free")
        printf "| speedup on %s, abstract | %s | the same |\n", q, q == "edge" ? "1.94" : "1.76"
        printf "| at 65,536 tokens on %s (second-hand) | %s | %.2f, softmax free %.2f (BERT) |\n", q, q == "edge" ? "2.8" : "3.07", gain[q ",bert,65536,charged"], gain[q ",bert,65536,free"]
    }
    for (p = 1; p <= 2; ++p) {
        q = platforms[p] ",bert,"
        printf "| share of L and A in the runtime at 512, 4K, 16K, 64K tokens (second-hand) | 0.12, 0.49, 0.79, 0.94 | %s, BERT, unfused: %.2f, %.2f, %.2f, %.2f; softmax free %.2f, %.2f, %.2f, %.2f |\n", platforms[p], \
            share[q "512,charged"], share[q "4096,charged"], share[q "16384,charged"], share[q "65536,charged"], \
            share[q "512,free"], share[q "4096,free"], share[q "16384,free"], share[q "65536,free"]
    }
}
function low(q, s,    t, x) { x = 1e9; for (t = 512; t <= 65536; t *= 2) if (mean(sum, q, t, s) < x) x = mean(sum, q, t, s); return x }
function high(q, s,    t, x) { x = 0; for (t = 512; t <= 65536; t *= 2) if (mean(sum, q, t, s) > x) x = mean(sum, q, t, s); return x }
