# What the benchmark runs in perl: hashes, arrays, strings, regular expressions, sorting, closures.
#
# workload.pl ROUNDS
use strict;
use warnings;

srand 1;

sub records {
    my %by_name;
    for my $i (1 .. 4000) {
        my $name = 'name' . int rand 300;
        push @{ $by_name{$name} }, { id => $i, text => "entry $i of $name", value => rand };
    }
    return map { scalar @{ $by_name{$_} } } sort { @{ $by_name{$a} } <=> @{ $by_name{$b} } || $a cmp $b } keys %by_name;
}

sub fields {
    my @lines = map { join ',', map { int rand 1000 } 1 .. 8 } 1 .. 1500;
    my @sums = map { my $sum = 0; $sum += $_ for split /,/; $sum } @lines;
    return grep { /7$/ } @sums;
}

sub words {
    my $text = join ' ', map { (qw(alpha beta gamma delta))[rand 4] . int rand 99 } 1 .. 3000;
    my %count;
    $count{$1}++ while $text =~ /([a-z]+)\d+/g;
    $text =~ s/(\d+)/$1 * 2/ge;
    return sprintf '%d %s', length $text, join ' ', %count;
}

sub closures {
    my @steps = map { my $n = $_; sub { return [ $n, "step $n", @_ ] } } 1 .. 800;
    return map { $_->( 1, 2 ) } @steps;
}

for (1 .. $ARGV[0]) {
    my @kept = (records(), fields(), words(), closures());
}
