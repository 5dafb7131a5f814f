select {{ function('plus_one') }}(1) as b
