# Over time: median and longest of each step.
#
# usage: gnuplot -e "data='e2e-waypost.dat'; out='e2e.svg'" series.gp
set terminal svg size 760,380 background rgb "white" font "sans-serif,13"
set output out
set xlabel "seconds"
set ylabel "ms from POST to poke"
set logscale y
set yrange [0.1:*]
set grid
set border 3
set tics nomirror
set key top right
plot data using 1:3 with points pointtype 7 pointsize 0.3 \
		linecolor rgb "#ee7733" title "longest of 50 ms", \
	data using 1:2 with lines linewidth 2 linecolor rgb "#4477aa" title "median of 50 ms"
