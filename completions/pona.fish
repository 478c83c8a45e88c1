# fish completion for pona
