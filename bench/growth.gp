# What grows, and what does not: rates above, memory and disk below.
#
# usage: gnuplot -e "data='growth.dat'; axis='users known'; out='growth.svg'" growth.gp
set terminal svg size 760,640 background rgb "white" font "sans-serif,13"
set output out
set multiplot layout 2,1
set lmargin 10
set rmargin 22
set logscale x
set format x "10^{%L}"
set xrange [1:*]
set grid
set border 3
set tics nomirror
set key outside right top reverse Left
set style data linespoints
set pointsize 0.7
set ylabel "a second"
set yrange [0:*]
plot data using ($1 < 1 ? 1 : $1):2 linecolor rgb "#4477aa" title "sends", \
	data using ($1 < 1 ? 1 : $1):3 linecolor rgb "#ee7733" title "pulls"
set xlabel axis
set ylabel "MB"
set logscale y
set yrange [1:*]
plot data using ($1 < 1 ? 1 : $1):4 linecolor rgb "#cc3311" title "Redis' data", \
	data using ($1 < 1 ? 1 : $1):5 linecolor rgb "#0077bb" title "worker", \
	data using ($1 < 1 ? 1 : $1):6 linecolor rgb "#009988" title "handlers", \
	data using ($1 < 1 ? 1 : $1):7 linecolor rgb "#777777" title "database"
unset multiplot
