# student(n): quantile of Student's law that leaves 0.025 on each side, n degrees of freedom. From a
# table to 30, beyond by the expansion about the normal quantile (Abramowitz and Stegun 26.7.5),
# which is off by less than 1e-6 there.
BEGIN {
    split("12.7062 4.3027 3.1824 2.7764 2.5706 2.4469 2.3646 2.3060 2.2622 2.2281 " \
          "2.2010 2.1788 2.1604 2.1448 2.1314 2.1199 2.1098 2.1009 2.0930 2.0860 " \
          "2.0796 2.0739 2.0687 2.0639 2.0595 2.0555 2.0518 2.0484 2.0452 2.0423", student_of, " ")
}
function student(n, z) {
    if (n <= 30) return student_of[n]
    z = 1.959964
    return z + (z ^ 3 + z) / (4 * n) + (5 * z ^ 5 + 16 * z ^ 3 + 3 * z) / (96 * n * n) + \
           (3 * z ^ 7 + 19 * z ^ 5 + 17 * z ^ 3 - 15 * z) / (384 * n ^ 3)
}
