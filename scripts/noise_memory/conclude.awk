# numbers.csv in words and two tables (Markdown):
#
#   awk -f student.awk -f conclude.awk numbers.csv
BEGIN {
    FS = ","
    split("synthetic digits_vit", traces, " ")
    named["synthetic"] = "synthetic heads"
    named["digits_vit"] = "digits_vit"
    named["one-over-f"] = "1/f"
    named["frozen"] = "frozen"
    named["white"] = "white"
    split("white one-over-f frozen", cards, " ")
}
FNR > 1 {
    at = $1 SUBSEP $2 SUBSEP $3 SUBSEP $4 SUBSEP $5 SUBSEP $6 SUBSEP $7
    value[at] = $8
    low[at] = $9
    high[at] = $10
    units[at] = $11
}
function id(trace, part, reads, card, against, scope, name) {
    return trace SUBSEP part SUBSEP reads SUBSEP card SUBSEP against SUBSEP scope SUBSEP name
}
function shown(at, digits) {
    return sprintf("%.*f [%.*f, %.*f]", digits, value[at], digits, low[at], digits, high[at])
}
function holds_zero(at) { return low[at] <= 0 && high[at] >= 0 }
function signed(at, digits) {
    return sprintf("%+.*f [%+.*f, %+.*f]", digits, value[at], digits, low[at], digits, high[at])
}
# The difference in units of its standard error, from its interval.
function errors(at) { return value[at] / ((high[at] - low[at]) / 2 / student(units[at] - 1)) }
function spread(trace, part, card, at, from_keys) {
    at = id(trace, part, 1, card, "", "first", "false_prune_seed_sd")
    from_keys = id(trace, part, 1, card, "keys", "first", "false_prune_seed_sd")
    return sprintf("%.5f [%.5f, %.5f], %.5f", value[at], low[at], high[at], value[from_keys])
}
function marginal(trace, part, name, words, c, from_law, from_white) {
    for (c = 1; c <= 3; c++) {
        from_law = id(trace, part, 1, cards[c], "law", "first", name)
        from_white = id(trace, part, 1, cards[c], "white", "first", name)
        looked++
        missed += !holds_zero(from_law)
        if (errors(from_law) ^ 2 > farthest ^ 2) farthest = errors(from_law)
        if (value[from_law] ^ 2 > (largest * value[id(trace, part, 1, "law", "", "first", name)]) ^ 2)
            largest = value[from_law] / value[id(trace, part, 1, "law", "", "first", name)]
        if (c > 1) {
            compared++
            apart += !holds_zero(from_white)
        }
        rows = rows sprintf("| %s | %s | %s | %d | %.5f | %s | %+.1f | %s | %s |\n", named[trace], words, named[cards[c]],
            units[from_law], value[id(trace, part, 1, "law", "", "first", name)], signed(from_law, 5), errors(from_law),
            c > 1 ? signed(from_white, 5) : "", name == "false_prune_rate" ? spread(trace, part, cards[c]) : "")
    }
}
# The seeds that were drawn because of what the others had shown, alone.
function fresh(c, q, at, said) {
    split("false_prune_rate false_keep_rate", rates, " ")
    for (q = 1; q <= 2; q++)
        for (c = 2; c <= 3; c++) {
            at = id("digits_vit", "fresh", 1, cards[c], "white", "first", rates[q])
            if (!(at in value)) return
            said = said sprintf("%s%s - white %s", said == "" ? "" : ", ", named[cards[c]], signed(at, 5))
            if (c == 3) said = said (q == 1 ? " of false prunes" : " of false keeps")
        }
    print "\nSeeds 1 to 6 and 101 to 124 of the digits had differences that seemed not to be chance, and are part of the table. The"
    printf "%d seeds drawn after them, alone: %s.\n", units[at], said
}
function law() {
    marginal("synthetic", "alone", "false_prune_rate", "false prunes")
    marginal("synthetic", "alone", "false_keep_rate", "false keeps")
    marginal("digits_vit", "pooled", "false_prune_rate", "false prunes")
    marginal("digits_vit", "pooled", "false_keep_rate", "false keeps")
    print "## The marginal law\n"
    print "One read, first layer, against the law that all three share: the probabilities of white noise, summed over pairs."
    printf "The largest of the %d differences is %.4f of its rate, the farthest %.1f standard errors from 0; %d of %d intervals\n",
        looked, largest < 0 ? -largest : largest, farthest, missed, looked
    printf "miss 0 (%.1f expected by chance), and %d of %d of the differences from white (%.1f). Seeds are the independent units: the\n",
        0.05 * looked, apart, compared, 0.05 * compared
    print "last column has the standard deviation of a seed's rate, found and as it follows from clustering where keys err"
    print "independently of each other, so a frozen seed says less than a white one and its interval is wider."
    fresh()
    print ""
    print "| trace | rate | noise | seeds | law | noise - law | in errors | noise - white | of a seed: found, from keys |"
    print "|---|---|---|---|---|---|---|---|---|"
    printf "%s", rows
}
function three(trace, part, reads, scope, name, digits, c, said) {
    said = ""
    for (c = 1; c <= 3; c++)
        said = said (c == 1 ? "" : ", ") named[cards[c]] " " shown(id(trace, part, reads, cards[c], "", scope, name), digits)
    return said
}
function accuracy(part, reads, name, words, digits, c, d, at) {
    printf "- digits_vit, %s: %s. Paired:", words, three("digits_vit", part, reads, "all", name, digits)
    for (c = 2; c <= 3; c++)
        for (d = 1; d < c; d++) {
            at = id("digits_vit", part, reads, cards[c], cards[d], "all", name)
            printf "%s %s - %s %s%s", c == 2 ? "" : ",", named[cards[c]], named[cards[d]], signed(at, digits + 1),
                holds_zero(at) ? " (not resolved)" : ""
        }
    print "."
}
END {
    law()
    print "\n## What the task makes of it\n"
    accuracy("alone", 1, "top1", "top-1, one read", 4)
    accuracy("alone", 4, "top1", "top-1, 4 reads averaged", 4)
    accuracy("alone", 16, "top1", "top-1, 16 reads averaged", 4)
    accuracy("alone", 1, "logit_rms", "rms of the logit error, one read", 4)
    accuracy("alone", 4, "logit_rms", "rms of the logit error, 4 reads averaged", 4)
    accuracy("alone", 16, "logit_rms", "rms of the logit error, 16 reads averaged", 4)
    accuracy("loud", 1, "top1", "top-1, one read, sigma x 4", 4)
    accuracy("loud", 1, "logit_rms", "rms of the logit error, one read, sigma x 4", 4)
    print "\n## The decisions of the first layer\n"
    print "Analog false prunes are those of the device alone, among the pairs that the integer threshold keeps; the others"
    print "are the 4 bits of q and K. Clustering is the variance of false prunes per key over sum p(1-p): 1 where reads are"
    print "independent. Lost keys are falsely pruned for more than half of the queries that keep them.\n"
    print "| trace | setting | reads | noise | false prunes | analog false prunes | clustering | lost keys |"
    print "|---|---|---|---|---|---|---|---|"
    split("alone alone alone offset loud", parts, " ")
    split("1 4 16 1 1", reads, " ")
    split("noise alone|noise alone|noise alone|with 8 mV comparator offset|sigma x 4", settings, "|")
    for (t = 1; t <= 2; t++)
        for (p = 1; p <= 5; p++)
            for (c = 1; c <= 3; c++) {
                at = id(traces[t], parts[p], reads[p], cards[c], "", "first", "excess")
                if (!(at in value)) continue
                printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n", named[traces[t]], settings[p], reads[p], named[cards[c]],
                    shown(id(traces[t], parts[p], reads[p], cards[c], "", "first", "false_prune_rate"), 4),
                    shown(id(traces[t], parts[p], reads[p], cards[c], "", "first", "analog_false_prune_rate"), 4),
                    shown(at, 2),
                    shown(id(traces[t], parts[p], reads[p], cards[c], "", "first", "keys_lost_share"), 4)
            }
}
