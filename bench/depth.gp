# Rates by how much waits: pulls and acknowledgements, in Redis and on disk.
#
# usage: gnuplot -e "data='depth.dat'; out='depth.svg'" depth.gp
set terminal svg size 760,380 background rgb "white" font "sans-serif,13"
set output out
set logscale xy
set format x "10^{%L}"
set grid
set border 3
set tics nomirror
set key outside right top reverse Left
set style data linespoints
set pointsize 0.7
set xlabel "messages waiting in the mailbox"
set ylabel "a second"
set yrange [100:*]
plot data using 1:2 linecolor rgb "#4477aa" title "pulls of 10, in Redis", \
	data using 1:3 linecolor rgb "#0077bb" dashtype 2 title "acks of 10, in Redis", \
	data using 1:4 linecolor rgb "#ee7733" title "pulls of 10, on disk", \
	data using 1:5 linecolor rgb "#cc3311" dashtype 2 title "acks of 10, on disk"
