# A bar for each contestant, with the range of its rounds: name, median, least
# and most in each line.
#
# usage: gnuplot -e "data='send.dat'; axis='messages a second'; out='send.svg'" bars.gp
set terminal svg size 760,380 background rgb "white" font "sans-serif,13"
set output out
set style fill solid 0.7
set boxwidth 0.6
set yrange [0:*]
set grid ytics
set border 3
set tics nomirror
set bmargin 4
unset key
set ylabel axis
set format y "%'.0f"
plot data using 0:2:xtic(1) with boxes linecolor rgb "#4477aa", \
	data using 0:2:3:4 with yerrorbars linecolor rgb "black" pointtype -1
