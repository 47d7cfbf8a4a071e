# SPDX-License-Identifier: BSD-3-Clause
# How cost grows: three pictures of a run of `make bench`, whose lines are in the file that "bench" names.
# gnuplot -e "bench='bench.json'; out='docs'" plot.gp
if (!exists("bench")) bench = "bench.json"
if (!exists("out")) out = "."

# Of the lines of one yardstick whose case matches: the last number of the case that comes before (or behind) a word, and
# the two figures.
rows(yardstick, matching, before, behind) = \
    sprintf("< sed -nE '/\"yardstick\":\"%s\"/{/\"case\":\"%s/{s/.*\"case\":\"[^\"]*%s([0-9]+)%s[^\"]*\".*\"ours\":([0-9.]+),\"base\":([0-9.]+).*/\\1 \\2 \\3/p}}' '%s' | sort -n", \
            yardstick, matching, before, behind, bench)

set terminal svg size 640,400 font "sans-serif,13" background "white"
set logscale x 10
set grid ytics linecolor rgb "#dddddd"
set border 3
set tics nomirror
set key left top reverse Left
set ylabel "ns of CPU a packet"
set yrange [0:*]
set style line 1 linecolor rgb "#1f6fb2" linewidth 2 pointtype 7 pointsize 0.6
set style line 2 linecolor rgb "#1f6fb2" linewidth 1 dashtype 2
set style line 3 linecolor rgb "#c8501e" linewidth 2 pointtype 7 pointsize 0.6
set style line 4 linecolor rgb "#c8501e" linewidth 1 dashtype 2

set output out."/performance-sessions.svg"
set title "Receiving 160 B, sessions in random order"
set xlabel "sessions"
plot rows("Y1b?", "CM80 160 B, [0-9]+ sessions?\"", " ", " session") using 1:2 with linespoints linestyle 1 title "AES128 CM SHA1 80, libsluice", \
     rows("Y1b", "CM80 160 B, [0-9]+ sessions, expected\"", " ", " session") using 1:2 with linespoints linestyle 1 dashtype 3 title "the same, expected", \
     rows("Y1b?", "CM80 160 B, [0-9]+ sessions?\"", " ", " session") using 1:3 with lines linestyle 2 title "srtp unprotect alone, same ciphers", \
     rows("Y1b?", "GCM128 160 B, [0-9]+ sessions?\"", " ", " session") using 1:2 with linespoints linestyle 3 title "AES-128-GCM, libsluice", \
     rows("Y1b", "GCM128 160 B, [0-9]+ sessions, expected\"", " ", " session") using 1:2 with linespoints linestyle 3 dashtype 3 title "the same, expected", \
     rows("Y1b?", "GCM128 160 B, [0-9]+ sessions?\"", " ", " session") using 1:3 with lines linestyle 4 title "srtp unprotect alone, same ciphers"

set output out."/performance-ssrcs.svg"
set title "Receiving SSRCs of one session, AES-128-GCM, 160 B"
set xlabel "SSRCs"
plot rows("Y8", "[^\"]* in turn, received\"", " ", " SSRCs") using 1:2 with linespoints linestyle 1 title "in turn", \
     rows("Y8", "[^\"]* in random order, received\"", " ", " SSRCs") using 1:2 with linespoints linestyle 3 title "in random order", \
     rows("Y8", "[^\"]* in turn, received, libsrtp2 alone\"", " ", " SSRCs") using 1:2 with lines linestyle 2 title "in turn, libsrtp2 alone, same ciphers", \
     rows("Y8", "[^\"]* in random order, received, libsrtp2 alone\"", " ", " SSRCs") using 1:2 with lines linestyle 4 title "in random order, libsrtp2 alone"

set output out."/performance-fan-out.svg"
set title "One packet of 1200 B in, N out: opened once, sealed N times"
set xlabel "outputs"
set ylabel "ns of CPU an output"
plot rows("Y3", "CM80 1200 B", "1 -> ", "") using 1:2 with linespoints linestyle 1 title "AES128 CM SHA1 80, libsluice", \
     rows("Y3", "CM80 1200 B", "1 -> ", "") using 1:3 with lines linestyle 2 title "srtp protect alone, same ciphers", \
     rows("Y3", "GCM128 1200 B", "1 -> ", "") using 1:2 with linespoints linestyle 3 title "AES-128-GCM, libsluice", \
     rows("Y3", "GCM128 1200 B", "1 -> ", "") using 1:3 with lines linestyle 4 title "srtp protect alone, same ciphers"
