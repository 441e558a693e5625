# A bar for each contestant, made of parts whose names are in the first line.
#
# usage: gnuplot -e "data='cpu.dat'; axis='µs'; parts=2; \
#   colours='red blue'; out='cpu.svg'" stacks.gp
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
set bmargin 7
set key outside bottom center horizontal autotitle columnheader
set ylabel axis
plot for [i = 2:parts + 1] data using i:xtic(1) \
	linecolor rgb word(colours, i - 1)
