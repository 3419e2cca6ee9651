# From the tables of three sweeps to one table of numbers with intervals.
#
#   awk -f student.awk -f analyse.awk heads.csv heads.csv ... samples.csv > numbers.csv
#
# The independent unit of a decision is a seed (new writes, new reads): the interval is Student's
# over the seeds. The unit of accuracy is a sample, averaged over its seeds: percentile bootstrap,
# the same resamples for all settings, so that differences are paired. All intervals are 0.95.
# `against` law: what a rate is beyond its closed form, the sum over pairs of the normal law of white
# noise, which all three cards should meet. Part `pooled`: all seeds of the digits at one read. Part `fresh`:
# those above 124. Seeds 1 to 6 and 101 to 124 had once been all, and gave cause to look at more.
BEGIN {
    FS = ","
    OFS = ","
    resamples = 2000
    split("white one-over-f frozen", cards, " ")
    split("false_prune_rate false_keep_rate analog_false_prune_rate excess keys_lost_share", names, " ")
    print "trace,part,reads,card,against,scope,quantity,value,low,high,units,unit"
}
FNR == 1 {
    split("", col)
    for (i = 1; i <= NF; i++) col[$i] = i
    samples = ("predicted" in col)
    next
}
{
    card = $col["device.card"]
    sub(/.*\//, "", card)
    sub(/\.yaml$/, "", card)
    part = $col["part"]
    sub(/-.*/, "", part)
    setting = $col["trace"] "," part "," $col["drive.repeats"]
    if (!(setting in known)) {
        known[setting] = ++settings
        setting_of[settings] = setting
    }
    key = setting "," card
    seed = $col["seed"]
}
samples {
    if ($col["predicted"] < 0) next
    s = $col["sample"]
    if (!(s in place)) {
        place[s] = ++units
    }
    if (!(key in accurate)) accurate[key] = 1
    right[key, place[s]] += ($col["predicted"] == $col["label"]) / seeds[key]
    square[key, place[s]] += $col["logit_squared_error"] / seeds[key] / 10
    next
}
{
    count(key)
    # The sweep of the law adds seeds to those of the full one: their decisions follow one law.
    if ($col["trace"] == "digits_vit" && (part == "alone" || part == "law") && $col["drive.repeats"] == 1)
        count($col["trace"] ",pooled,1," card)
    if (part == "law" && seed > 124) count($col["trace"] ",fresh,1," card)
}
function count(key) {
    if (!((key, seed) in seen)) {
        seen[key, seed] = 1
        seed_of[key, ++seeds[key]] = seed
    }
    add(key, "all")
    if ($col["layer"] == 0) add(key, "first")
}
function add(key, scope, at) {
    at = key SUBSEP scope SUBSEP seed
    sum["fp", at] += $col["fp_total"]
    sum["fk", at] += $col["fk_total"]
    sum["fpa", at] += $col["fp_analog"]
    sum["ref", at] += $col["ref_kept"]
    sum["quant", at] += $col["quant_kept"]
    sum["valid", at] += $col["valid"]
    sum["excess", at] += $col["key_excess"]
    sum["variance", at] += $col["key_variance"]
    sum["lost", at] += $col["keys_lost"]
    sum["kept", at] += $col["keys_kept"]
    sum["fpx", at] += $col["fp_expected"]
    sum["fkx", at] += $col["fk_expected"]
}
# A quantity of one seed.
function of(name, key, scope, seed, at) {
    at = key SUBSEP scope SUBSEP seed
    if (name == "false_prune_rate") return sum["fp", at] / sum["ref", at]
    if (name == "false_keep_rate") return sum["fk", at] / (sum["valid", at] - sum["ref", at])
    if (name == "analog_false_prune_rate") return sum["fpa", at] / sum["quant", at]
    if (name == "excess") return sum["excess", at] / sum["variance", at]
    return sum["lost", at] / sum["kept", at]
}
# What the normal law of white noise says of the first layer: the same for every seed.
function law(trace, name, at) {
    at = trace ",alone,1,white" SUBSEP "first" SUBSEP seed_of[trace ",alone,1,white", 1]
    if (name == "false_prune_rate") return sum["fpx", at] / sum["ref", at]
    return sum["fkx", at] / (sum["valid", at] - sum["ref", at])
}
# Mean over seeds with Student's interval; against a card: of the paired difference; against the
# law: of the difference from a number.
function decisions(setting, card, against, scope, name, key, other, n, i, x, total, squares, mean, half) {
    key = setting "," card
    other = setting "," against
    n = seeds[key]
    for (i = 1; i <= n; i++) {
        x = of(name, key, scope, seed_of[key, i])
        if (against == "law") x -= law(trace, name)
        else if (against != "") x -= of(name, other, scope, seed_of[key, i])
        total += x
        value[i] = x
    }
    mean = total / n
    for (i = 1; i <= n; i++) squares += (value[i] - mean) ^ 2
    half = student(n - 1) * sqrt(squares / (n - 1) / n)
    if (name == "false_prune_rate" && against == "") spread_of[key, scope] = sqrt(squares / (n - 1))
    row(setting, card, against, scope, name, mean, mean - half, mean + half, n, "seed")
}
# The three cards against the law, and how far seeds lie apart: as found, and as it would be if only
# reads of the same key shared anything (keys are written independently): the root of the summed
# variances of false prunes per key.
function against_law(setting, c, q, x, n, i, at, key, kept, half) {
    trace = setting
    sub(/,.*/, "", trace)
    for (q = 1; q <= 2; q++) {
        x = law(trace, names[q])
        row(setting, "law", "", "first", names[q], x, x, x, 1, "closed form")
        for (c = 1; c <= 3; c++) decisions(setting, cards[c], "law", "first", names[q])
    }
    for (c = 1; c <= 3; c++) {
        key = setting "," cards[c]
        n = seeds[key]
        x = spread_of[key, "first"]
        half = student(n - 1) / sqrt(2 * (n - 1))
        row(setting, cards[c], "", "first", "false_prune_seed_sd", x, x / (1 + half), x * (1 + half), n, "seed")
        key = trace ",alone,1," cards[c]
        n = seeds[key]
        x = 0
        for (i = 1; i <= n; i++) {
            at = key SUBSEP "first" SUBSEP seed_of[key, i]
            x += sum["excess", at] / n
            kept = sum["ref", at]
        }
        row(setting, cards[c], "keys", "first", "false_prune_seed_sd", sqrt(x) / kept, sqrt(x) / kept, sqrt(x) / kept, n, "seed")
    }
}
function row(setting, card, against, scope, name, mean, low, high, n, unit) {
    printf "%s,%s,%s,%s,%s,%.6g,%.6g,%.6g,%d,%s\n", setting, card, against, scope, name, mean, low, high, n, unit
}
function sort(a, n, gap, i, j, x) {
    for (gap = int(n / 2); gap > 0; gap = int(gap / 2))
        for (i = gap + 1; i <= n; i++) {
            x = a[i]
            for (j = i; j > gap && a[j - gap] > x; j -= gap) a[j] = a[j - gap]
            a[j] = x
        }
}
function quantile(a, n, p, at, below) {
    at = p * (n - 1)
    below = int(at)
    return a[below + 1] + (at - below) * (a[below + 2] - a[below + 1])
}
function statistic(q, r) { return kind[q] == "top1" ? draw[q, r] / units : sqrt(draw[q, r] / units) }
function interval(setting, card, against, name, a, b, r) {
    for (r = 0; r <= resamples; r++) {
        value[r] = statistic(a, r)
        if (b) value[r] -= statistic(b, r)
    }
    sort(value, resamples)
    row(setting, card, against, "all", name, value[0], quantile(value, resamples, 0.025),
        quantile(value, resamples, 0.975), units, "sample")
}
# Sums of all quantities over the same resamples; resample 0 is the data.
function bootstrap(r, i, q, at, word) {
    word = 20261120
    for (r = 0; r <= resamples; r++) {
        for (q = 1; q <= quantities; q++) total_of[q] = 0
        for (i = 1; i <= units; i++) {
            at = i
            if (r > 0) {
                word = (word * 48271) % 2147483647
                at = int(word / 2147483647 * units) + 1
            }
            for (q = 1; q <= quantities; q++) total_of[q] += x_of[q, at]
        }
        for (q = 1; q <= quantities; q++) draw[q, r] = total_of[q]
    }
}
END {
    setting_of[++settings] = "digits_vit,pooled,1"
    if (seeds["digits_vit,fresh,1,white"] > 1) setting_of[++settings] = "digits_vit,fresh,1"
    for (s = 1; s <= settings; s++) {
        trace = setting_of[s]
        sub(/,.*/, "", trace)
        for (scope_at = (trace == "synthetic" ? 2 : 1); scope_at <= 2; scope_at++)
            # The sweep of the law counts decisions and looks at no keys.
            for (q = 1; q <= (setting_of[s] ~ /,(law|pooled|fresh),/ ? 3 : 5); q++) {
                scope = scope_at == 1 ? "all" : "first"
                for (c = 1; c <= 3; c++) decisions(setting_of[s], cards[c], "", scope, names[q])
                for (c = 2; c <= 3; c++) decisions(setting_of[s], cards[c], "white", scope, names[q])
            }
    }
    against_law("synthetic,alone,1")
    against_law("digits_vit,pooled,1")
    for (s = 1; s <= settings; s++)
        for (c = 1; c <= 3; c++) {
            key = setting_of[s] "," cards[c]
            if (!(key in accurate)) continue
            for (k = 1; k <= 2; k++) {
                kind[++quantities] = k == 1 ? "top1" : "logit_rms"
                number[key, k] = quantities
                for (i = 1; i <= units; i++)
                    x_of[quantities, i] = k == 1 ? right[key, i] : square[key, i]
            }
        }
    bootstrap()
    for (s = 1; s <= settings; s++)
        for (k = 1; k <= 2; k++) {
            if (!((setting_of[s] ",white") in accurate)) continue
            name = k == 1 ? "top1" : "logit_rms"
            for (c = 1; c <= 3; c++)
                interval(setting_of[s], cards[c], "", name, number[setting_of[s] "," cards[c], k], 0)
            for (c = 2; c <= 3; c++)
                for (d = 1; d < c; d++)
                    interval(setting_of[s], cards[c], cards[d], name,
                             number[setting_of[s] "," cards[c], k],
                             number[setting_of[s] "," cards[d], k])
        }
}
