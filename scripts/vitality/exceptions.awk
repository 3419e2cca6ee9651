# Sizes of two machines side by side: what differs, with its ratio. From two outputs of `attohm explain machine`.
FNR == 1 { ++file }
$1 ~ /^(machine|units|buffers|memories)\./ && $1 !~ /\.(does|ops|kind|format|energy_pJ_per_op|energy_pJ_per_bit|area_mm2)$/ {
    key = $1
    value[file, key] = $2
    mark[file, key] = $3
    if (!(key in seen)) { seen[key] = 1; keys[++n] = key }
}
END {
    pes1 = value[1, "units.sa_general.rows"] * value[1, "units.sa_general.columns"] + value[1, "units.sa_diag.rows"] * value[1, "units.sa_diag.columns"]
    pes2 = value[2, "units.array.rows"] * value[2, "units.array.columns"]
    if (pes1 + pes2 == 0) { print "no arrays in " FILENAME > "/dev/stderr"; exit 2 }
    print "| resource | ViTALiTy | Sanger | ratio |"
    print "|---|---|---|---|"
    printf "| multipliers of 8 bits | %d | %d | %.3f |\n", pes1, pes2, pes1 / pes2
    for (i = 1; i <= n; ++i) {
        key = keys[i]
        if (key ~ /\.(rows|columns)$/) continue
        a = ((1, key) in value) ? value[1, key] : "none"
        b = ((2, key) in value) ? value[2, key] : "none"
        equal = a == b
        if (equal && key !~ /^(machine|buffers|memories)/) continue
        r = (a + 0 > 0 && b + 0 > 0) ? sprintf("%.3f", a / b) : (equal ? "1" : "")
        printf "| %s | %s | %s | %s |\n", key, a, b, r
    }
}
