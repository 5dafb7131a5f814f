select {{ tools.prefix() }} as n
