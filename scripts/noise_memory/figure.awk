# numbers.csv as a picture: awk -f figure.awk numbers.csv > figure.svg
# Panels: false prunes, their clustering, lost keys; against reads averaged; first layer.
BEGIN {
    FS = ","
    split("white one-over-f frozen", cards, " ")
    split("white|1/f|frozen per write", labels, "|")
    split("#3b6fb6 #d9822b #4a4a4a", colours, " ")
    split("synthetic digits_vit", traces, " ")
    split("synthetic heads, 384 tokens|digits_vit, first layer", titles, "|")
    split("analog_false_prune_rate excess keys_lost_share", quantities, " ")
    split("analog false prunes, of kept pairs|variance of false prunes per key / sum p(1-p)|share of keys lost to most of their queries", axes, "|")
    width = 300
    height = 190
}
FNR > 1 && $2 == "alone" && $5 == "" && $6 == "first" {
    at = $1 SUBSEP $7 SUBSEP $4 SUBSEP $3
    value[at] = $8
    low[at] = $9
    high[at] = $10
}
function text(x, y, size, anchor, words) {
    printf "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%d\" text-anchor=\"%s\">%s</text>\n", x, y, size, anchor, words
}
function line(x1, y1, x2, y2, colour, thick) {
    printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"%s\"/>\n", x1, y1, x2, y2, colour, thick
}
function place(y, logs) {
    return bottom - (logs ? log(y) / log(top) : y / top) * height
}
# Smallest of 1, 2, 5 times a power of ten that is not below x.
function round_up(x, power) {
    power = 10 ^ int(log(x) / log(10) - (x < 1))
    while (power * 10 <= x) power *= 10
    return x <= power ? power : x <= 2 * power ? 2 * power : x <= 5 * power ? 5 * power : 10 * power
}
function panel(t, q, left, logs, c, n, at, x, y, ticks, tick, i, before) {
    top = 0
    for (c = 1; c <= 3; c++)
        for (n = 1; n <= 16; n *= 4) {
            at = traces[t] SUBSEP quantities[q] SUBSEP cards[c] SUBSEP n
            if (high[at] > top) top = high[at]
        }
    top = logs ? 50 : round_up(top)
    for (i = 0; i <= 4; i++) {
        if (logs) {
            ticks = split("1 2 5 10 20 50", tick, " ")
            continue
        }
        tick[i + 1] = top * i / 4
        ticks = 5
    }
    for (i = 1; i <= ticks; i++) {
        y = place(tick[i], logs)
        line(left, y, left + width, y, "#dddddd", 1)
        text(left - 6, y + 4, 11, "end", tick[i] + 0)
    }
    line(left, bottom, left + width, bottom, "#222222", 1)
    text(left, bottom - height - 10, 12, "start", axes[q])
    i = 0
    for (n = 1; n <= 16; n *= 4) text(left + width * (1 + 2 * i++) / 6, bottom + 16, 11, "middle", n)
    text(left + width / 2, bottom + 32, 11, "middle", "reads averaged")
    for (c = 1; c <= 3; c++) {
        i = 0
        before = ""
        for (n = 1; n <= 16; n *= 4) {
            at = traces[t] SUBSEP quantities[q] SUBSEP cards[c] SUBSEP n
            x = left + width * (1 + 2 * i++) / 6 + (c - 2) * 9
            y = place(value[at], logs)
            if (before != "") line(before, before_y, x, y, colours[c], 1)
            before = x
            before_y = y
            line(x, place(low[at], logs), x, place(high[at], logs), colours[c], 2)
            printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>\n", x, y, colours[c]
        }
    }
}
END {
    print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1120\" height=\"640\" font-family=\"sans-serif\" fill=\"#222222\">"
    print "<rect width=\"1120\" height=\"640\" fill=\"#ffffff\"/>"
    text(20, 26, 15, "start", "One variance of one read, three memories (bars: 0.95 intervals)")
    for (c = 1; c <= 3; c++) {
        printf "<circle cx=\"%d\" cy=\"21\" r=\"5\" fill=\"%s\"/>\n", 640 + 120 * c, colours[c]
        text(650 + 120 * c, 26, 13, "start", labels[c])
    }
    for (t = 1; t <= 2; t++) {
        bottom = 40 + 290 * t - 35
        text(20, bottom - height - 30, 13, "start", titles[t])
        for (q = 1; q <= 3; q++) panel(t, q, 60 + 360 * (q - 1), q == 2)
    }
    print "</svg>"
}
