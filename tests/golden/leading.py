"""lim T * energy deficit of (N(-1.5, .25) + N(1.5, .25))/2 on uniform angles in [.01, pi/2 - .001]: Theta times the integral of q over labels
and angles (Simpson in the label, Gauss rules in ln tan theta), and Theta Q(0), which is lim T * W_1. Writes leading.csv."""
from math import *
m,s=1.5,.5; a=.01; b=pi/2-.001
def marg(t): c,sn=cos(t),sin(t); return c*m, sqrt((c*s)**2+sn*sn)
def sf(x,M,S): return .25*(erfc((x-M)/S/sqrt(2))+erfc((x+M)/S/sqrt(2)))
def pdf(x,M,S): return .5*(exp(-.5*((x-M)/S)**2)+exp(-.5*((x+M)/S)**2))/S/sqrt(2*pi)
gx=[(0.1834346424956498,0.362683783378362),(0.525532409916329,0.3137066458778873),(0.7966664774136267,0.22238103445337448),(0.9602898564975363,0.10122853629037626)]
def levels(h):
    L,H=log(tan(a)),log(tan(b)); n=ceil((H-L)/h); e=[a]+[atan(exp(L+(H-L)*i/n)) for i in range(1,n)]+[b]
    return [((u+v)/2+g*(v-u)/2*x,(v-u)/2*w) for u,v in zip(e,e[1:]) for x,w in gx for g in(1,-1)]
def Q(y,lv):
    M1,S1=marg(a); t1=sf(y,M1,S1); p1=pdf(y,M1,S1); tot=0
    for t,w in lv:
        M,S=marg(t); lo,hi=0.,13.
        x=min(max(y,0),13)
        for _ in range(100):
            f=sf(x,M,S)-t1
            if f>0: lo=x
            else: hi=x
            d=pdf(x,M,S); nx=x+f/d if d>0 else -1
            if not(lo<=nx<=hi): nx=.5*(lo+hi)
            if abs(nx-x)<1e-14*(1+x): x=nx;break
            x=nx
        p=pdf(x,M,S); v=S*S; c=cos(t); sn=sin(t)
        m1=m+c*s*s/v*(x-M); m2=-m+c*s*s/v*(x+M); r=1/(1+exp(-2*M*x/v))
        tot+=w*p*p/p1*(s*s/v+r*(1-r)*((m1-m2)/sn)**2)
    return tot
lv = levels(1.0)
N, Y = 480, 5.2
h = Y / N
q = [Q(i * h, lv) for i in range(N + 1)]
integral = h / 3 * (q[0] + q[-1] + 4 * sum(q[1:-1:2]) + 2 * sum(q[2:-1:2]))
with open("leading.csv", "w") as out:
    out.write("w1,energy_deficit\n%.12f,%.12f\n" % (q[0] * (b - a), 2 * integral * (b - a)))
