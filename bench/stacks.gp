# A bar for each contestant, made of parts whose names are in the first line.
#
# usage: gnuplot -e "data='cpu.dat'; axis='µs'; parts=4; out='cpu.svg'" stacks.gp
set terminal svg size 760,380 background rgb "white" font "sans-serif,13"
set output out
set style data histograms
set style histogram rowstacked
set style fill solid 0.8 noborder
set boxwidth 0.6
set yrange [0:*]
set grid ytics
set border 3
set tics nomirror
set key outside bottom center horizontal autotitle columnheader
set ylabel axis
set linetype 1 linecolor rgb "#cc3311"
set linetype 2 linecolor rgb "#0077bb"
set linetype 3 linecolor rgb "#33bbee"
set linetype 4 linecolor rgb "#009988"
set linetype 5 linecolor rgb "#ee7733"
set linetype 6 linecolor rgb "#777777"
set linetype 7 linecolor rgb "#aa3377"
plot for [i = 2:parts + 1] data using i:xtic(1)
