# numbers.csv in words and one table (Markdown): awk -f conclude.awk numbers.csv
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
function marginal(t, part, name, words, c, at, said) {
    said = ""
    for (c = 2; c <= 3; c++) {
        at = id(traces[t], part, 1, cards[c], "white", "first", name)
        said = said sprintf("%s %s - white %s%s", c == 2 ? "" : ",", named[cards[c]], signed(at, 5),
                            holds_zero(at) ? "" : " (does not hold 0)")
    }
    at = id(traces[t], part, 1, "white", "", "first", name)
    printf "- %s, first layer, %s of one read, %d seeds: white %s;%s.\n", named[traces[t]], words, units[at],
        shown(at, 5), said
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
    print "## What came out\n"
    print "The marginal law first. Every difference is below a hundredth of the rate; those whose 0.95 interval misses 0 are marked."
    print "The digits are looked at with two sets of seeds: what misses 0 in one set does not in the other, or has the other sign."
    print ""
    for (t = 1; t <= 2; t++) {
        marginal(t, "alone", "false_prune_rate", "false prunes")
        marginal(t, "alone", "false_keep_rate", "false keeps")
    }
    marginal(2, "law", "false_prune_rate", "false prunes")
    marginal(2, "law", "false_keep_rate", "false keeps")
    accuracy("alone", 1, "top1", "top-1, one read", 4)
    accuracy("alone", 16, "top1", "top-1, 16 reads averaged", 4)
    accuracy("alone", 1, "logit_rms", "rms of the logit error, one read", 4)
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
