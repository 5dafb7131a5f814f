select {{ function('best') }}() as best, {{ function('other', 'plus_one') }}(1) as next
