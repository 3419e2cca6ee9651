# Accuracy of the closed loop, one row per run. Needs csv.awk.
BEGIN { print "| weights, attention | accuracy | 0.95 interval | kept |"; print "|---|---|---|---|" }
FNR == 1 { csv_header($0); n = split(FILENAME, path, "/"); run = path[n - 1]; seen[run] = 0; next }
!seen[run]++ {
    csv_cells($0, cells)
    printf "| %s | %.4f | %.4f to %.4f | %s |\n", run, csv(cells, "top1_value"), csv(cells, "top1_low"), csv(cells, "top1_high"), \
        run ~ /sanger/ ? sprintf("%.3f", csv(cells, "kept_rate")) : ""
}
END { if (csv_failed) exit 2 }
