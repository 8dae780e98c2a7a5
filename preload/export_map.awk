# Make the version script of libseep.so from hook_list.h: the listed functions are exported, all else is local.
BEGIN { print "{"; print "  global:" }
match($0, /^ *X\([A-Za-z0-9_]+\)/) { name = $0; gsub(/^ *X\(|\).*$/, "", name); print "    " name ";" }
END { print "  local: *;"; print "};" }
