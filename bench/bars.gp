# A bar for each contestant, with the range of its rounds: the first number of a
# .dat file, or number N of it (N=1, 2, …).
#
# usage: gnuplot -e "data='build/bench/send.dat'; out='send.svg'; N=1" bench/bars.gp
if (!exists("N")) N = 1
set terminal svg size 800,400 background rgb "white"
set output out
set style fill solid 0.6
set boxwidth 0.6
set yrange [0:*]
set grid ytics
unset key
title = system(sprintf("head -1 %s", data))
set ylabel word(title, 3 * N) noenhanced
plot data using 0:3*N-1:xtic(1) with boxes linecolor rgb "#4477aa", \
	data using 0:3*N-1:3*N:3*N+1 with yerrorbars linecolor rgb "black"
