# The tables and conclusions of the README, from numbers.csv. Needs csv.awk.
FNR == 1 { csv_header($0); next }
{
    csv_cells($0, cells)
    shape = csv(cells, "shape"); batch = csv(cells, "batch"); system_ = csv(cells, "system"); scope = csv(cells, "scope")
    at = shape "," batch "," system_ "," scope
    latency[at] = csv(cells, "latency_us"); energy[at] = csv(cells, "energy_uJ")
    macs[at] = csv(cells, "macs_M"); narrow[at] = csv(cells, "macs_4bit_M")
    bound[at] = csv(cells, "bound")
    use[at] = csv(cells, "utilisation"); kept[at] = csv(cells, "kept")
    compute[at] = csv(cells, "energy_compute_uJ"); sram[at] = csv(cells, "energy_sram_uJ"); memory[at] = csv(cells, "energy_memory_uJ")
    if (csv(cells, "unknown") != "") unknown[system_] = csv(cells, "unknown")
}
function ratio_row(s, b, c,    v, w, y) {
    v = s "," b ",vitality," c
    for (y = 1; y <= count; ++y) {
        w = s "," b "," systems[y] "," c
        if (systems[y] == "vitality")
            printf "| %s | %d | ViTALiTy | | %.1f | %.1f | %.3f | %s | %.1f | | |\n", s, b, latency[w], energy[w], use[w], bound[w], macs[w]
        else
            printf "| %s | %d | Sanger %s | %.3f | %.1f | %.1f | %.3f | %s | %.1f + %.1f | %.2f | %.2f |\n", s, b, label(systems[y]), \
                kept[w], latency[w], energy[w], use[w], bound[w], macs[w], narrow[w], latency[w] / latency[v], energy[w] / energy[v]
    }
}
function label(y) {
    if (y == "sanger 0") return "dense limit"
    if (y == "sanger-roomy") return "0.002, 2 MB"
    if (y == "sanger-roomy-lanes") return "0.002, 2 MB, 256 lanes"
    return substr(y, 8)
}
function bounds(s, b, y, c,    v, w) {
    v = s "," b ",vitality," c; w = s "," b "," y "," c
    speed = latency[w] / latency[v]; save = energy[w] / energy[v]
    if (speed > high_speed[c]) high_speed[c] = speed
    if (!(c in low_speed) || speed < low_speed[c]) low_speed[c] = speed
    if (save > high_save[c]) high_save[c] = save
    if (!(c in low_save) || save < low_save[c]) low_save[c] = save
}
END {
    if (csv_failed) exit 2
    ns = split("deit-t deit-s deit-b", shapes, " ")
    count = split("vitality,sanger 0.002,sanger 0.02,sanger 0,sanger-roomy,sanger-roomy-lanes", systems, ",")
    split("attention model", scopes, " ")
    for (c = 1; c <= 2; ++c) {
        print "## " (c == 1 ? "Attention alone" : "Whole model: attention, projections and MLP of 12 layers")
        print ""
        print "| shape | batch | system | kept | latency us | energy uJ | utilisation | bound by | MACs M, 8 + 4 bits | slower | more energy |"
        print "|---|---|---|---|---|---|---|---|---|---|---|"
        for (s = 1; s <= ns; ++s) for (b = 1; b <= 64; b += 63) ratio_row(shapes[s], b, scopes[c])
        print ""
    }
    for (s = 1; s <= ns; ++s)
        for (b = 1; b <= 64; b += 63)
            for (y = 2; y <= 4; ++y)
                for (c = 1; c <= 2; ++c) bounds(shapes[s], b, systems[y], scopes[c])
    print "Latency and energy are per inference; `slower` and `more energy` are Sanger's over ViTALiTy's. The energy is of the"
    print "lines that have a figure. Lines without one, left out on both sides:"
    print ""
    print "- ViTALiTy: " unknown["vitality"] "."
    print "- Sanger: " unknown["sanger 0.002"] "."
    print ""
    print "## How far from 3x and 3x, and why"
    print ""
    v = "deit-b,1,vitality,attention"; w = "deit-b,1,sanger 0,attention"
    printf "- **The bound.** ViTALiTy does %.1f M multiplications where dense attention does %.1f M: a factor of %.2f. Tokens over\n  width of a head, 197 / 64, are 3.08; the denominator's Q khat_sum takes the rest. On one array of equal use no more than that can come from attention.\n", macs[v], macs[w], macs[w] / macs[v]
    printf "- **Attention.** Sanger is %.2f to %.2f times slower and takes %.2f to %.2f times the energy, over shapes, batches and thresholds.\n", low_speed["attention"], high_speed["attention"], low_save["attention"], high_save["attention"]
    printf "- **Whole model.** %.2f to %.2f times slower, %.2f to %.2f times the energy: the claim of 3x and 3x end to end is **not** reached.\n", low_speed["model"], high_speed["model"], low_save["model"], high_save["model"]
    for (s = 1; s <= ns; ++s) {
        all = shapes[s] ",64,sanger 0.002,model"; part = shapes[s] ",64,sanger 0.002,attention"
        va = shapes[s] ",64,vitality,model"; vp = shapes[s] ",64,vitality,attention"
        rest = latency[va] - latency[vp]
        free = latency[all] / rest
        need = 3 * latency[va] - (latency[all] - latency[part])
        printf "- **%s, batch 64.** Attention is %.2f of Sanger's latency and %.2f of ViTALiTy's. With attention that costs ViTALiTy nothing the\n  model would be %.2f times faster. For 3x Sanger's attention would have to take %.1f us instead of %.1f: its array would be used\n  to %.3f there, not to %.3f.\n", shapes[s], \
            latency[part] / latency[all], latency[vp] / latency[va], free, need, latency[part], use[part] * latency[part] / need, use[part]
    }
    w = "deit-b,1,sanger 0.002,attention"; v = "deit-b,1,vitality,attention"
    printf "- **What the ratio of attention is made of.** Sanger keeps %.2f of the pairs and does %.1f + %.1f M (4 bits) to ViTALiTy's\n  %.1f M. Its array is used to %.3f: %s is busy longest. Every head waits for two softmaxes on 64 lanes, one over all pairs of the\n  prediction. Its plan cuts heads by rows of queries, so that scores stay on chip; every tile\n  fills and drains the array anew for each product (127 cycles), which whole heads in a larger buffer save.\n", \
        kept[w], macs[w], narrow[w], macs[v], use[w], bound[w]
    printf "- **With 2 MB, and with 256 lanes beside,** the ratio of attention (deit-t, -s, -b) is:"
    for (y = 5; y <= 6; ++y) {
        printf "%s%s", y == 5 ? " " : "; ", label(systems[y])
        for (b = 1; b <= 64; b += 63) {
            printf " batch %d", b
            for (s = 1; s <= ns; ++s) {
                at = shapes[s] "," b "," systems[y] ",attention"
                printf "%s %.2f", s == 1 ? "" : ",", latency[at] / latency[shapes[s] "," b ",vitality,attention"]
            }
        }
    }
    print "."
    for (b = 1; b <= 64; b += 63) {
        for (s = 1; s <= ns; ++s) {
            rest_v = latency[shapes[s] "," b ",vitality,model"] - latency[shapes[s] "," b ",vitality,attention"]
            rest_w = latency[shapes[s] "," b ",sanger 0.002,model"] - latency[shapes[s] "," b ",sanger 0.002,attention"]
            rests = rests (s == 1 ? "" : ", ") sprintf("%.2f", rest_w / rest_v)
        }
        rests = rests (b == 1 ? " at batch 1 and " : " at batch 64")
    }
    printf "- **Projections and MLP** are the same products on as many multipliers, but not in the same time: Sanger's over ViTALiTy's is %s\n  (deit-t, -s, -b), because one keeps outputs in 64 x 65 elements and the other weights in 64 x 64. This part of the ratio is no merit of linear attention.\n", rests
    v = "deit-b,1,vitality,model"; w = "deit-b,1,sanger 0.002,model"
    printf "- **Where the energy ratio is below 1** (deit-b, batch 1): memory takes %.0f of ViTALiTy's %.0f uJ and %.0f of Sanger's %.0f. Every plan takes\n  the order of fewest cycles, which for kept weights moves more bytes; the energy is not what was searched for.\n", memory[v], energy[v], memory[w], energy[w]
    w = "deit-t,1,sanger 0.002,attention"
    printf "- **Kept pairs.** Synthetic heads keep %.3f of the pairs at Sanger's own threshold of 0.002 and %.3f at 0.02; sparser heads make Sanger\n  faster and the ratio smaller. The prediction is paid at any sparsity: a dense product at 4 bits and a softmax over all pairs.\n", kept[w], kept["deit-t,1,sanger 0.02,attention"]
}
